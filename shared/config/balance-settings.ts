/** The `balance` section by itself, for a model that is not trained here: checked by the run file's own schema. */
import { UserError } from '../core/errors.ts';
import type { BalanceConfig } from '../schedules/config.ts';
import type { ModelKind } from '../schedules/presets/preset.ts';
import { findPreset, presetNames } from '../schedules/presets/registry.ts';
import { type Override, overrideSettings, parseRunFile } from './parse-run-file.ts';
import type { RunConfig } from './run-file.ts';
import { spelledAs } from './spelling.ts';

/** The preset of those who choose none. */
const usualPreset = 'modelBalancing';

/** Settings of a run that go with any balance section: nothing of them is used but what a preset depends on. */
const frames: Readonly<Record<ModelKind, Readonly<Record<string, unknown>>>> = {
  language: {
    model: { family: 'huggingface', folder: 'checkpoint' },
    dataset: { format: 'jsonl', path: 'texts.jsonl' },
  },
  fields: {
    model: { family: 'fno1d' },
    dataset: { format: 'pdebench', path: 'fields.hdf5' },
  },
};
const frameTraining = { epochs: 1000, weightDecay: 0.01, sam: { rho: 0.05 } };

/** Settings that say when rates are set, which the trainer decides. */
const timing = ['every', 'until', 'rampSteps'];

export interface BalanceChoice {
  readonly kind: ModelKind;
  /** Whether spectra are of updates of low rank. */
  readonly isLowRank: boolean;
  /** Absent: the usual one, or a run's own settings. */
  readonly preset?: string | undefined;
  readonly overrides: readonly Override[];
  /** Settings of the run that the checkpoint is of; absent: it is of none. */
  readonly run?: RunConfig | undefined;
}

/**
 * The balance settings that a preset and overrides give.
 * @throws UserError listing every problem, as of a run file, and naming settings that have no effect here.
 */
export function balanceSettings({ kind, isLowRank, preset, overrides, run }: BalanceChoice): BalanceConfig {
  for (const override of overrides) refuseOthers(override);
  const chosen: Override[] =
    preset === undefined
      ? []
      : [{ path: ['balance', 'preset'], value: preset, text: preset, place: `--preset ${preset}` }];
  const label = 'the balance section';
  const { balance } =
    run && run.balance !== 'off'
      ? overrideSettings(run, [...chosen, ...overrides], { label })
      : inFrame(frameOf(kind, isLowRank, preset), label, [...chosen, ...overrides]);
  if (balance !== 'off') return balance;
  throw new UserError('balance is off, so there are no rates', { remedy: 'Leave it out, or choose a preset.' });
}

/** @throws UserError as of a run file, and how to go without the usual preset where it is the one that something contradicts. */
function inFrame(frame: string, label: string, overrides: readonly Override[]): RunConfig {
  try {
    return parseRunFile(frame, label, overrides);
  } catch (cause) {
    const isChosen = overrides.some(({ path }) => path.join('.') === 'balance.preset');
    if (isChosen || !(cause instanceof UserError) || !cause.message.includes(`${usualPreset} is defined by`))
      throw cause;
    throw new UserError(cause.message, {
      remedy: `${usualPreset} is the preset of those who choose none: --set balance.preset= goes without any.`,
      cause,
    });
  }
}

function frameOf(kind: ModelKind, isLowRank: boolean, preset: string | undefined): string {
  const { model, ...others } = frames[kind] as { model: object };
  const lora = isLowRank ? { lora: { spectra: 'update' } } : {};
  const balance = { preset: preset === undefined ? usualPreset : presetNames[0] };
  return JSON.stringify({ ...others, model: { ...model, ...lora }, training: frameTraining, balance });
}

/** Whether a preset stands for the same settings whatever the kind of the model. */
export function isSameForAll(preset: string): boolean {
  const found = findPreset(spelledAs(preset, presetNames));
  return found !== undefined && JSON.stringify(found.settings('language')) === JSON.stringify(found.settings('fields'));
}

function refuseOthers({ path: [section, key], text }: Override): void {
  if (section !== 'balance') {
    throw new UserError('is not about balancing', {
      where: `--set ${text}`,
      remedy: 'Settings of other sections have no effect on rates. For example: --set balance.assignment.s=0.5',
    });
  }
  if (key !== undefined && timing.includes(key)) {
    throw new UserError('says when rates are set, which your trainer decides', {
      where: `--set ${text}`,
      remedy: 'Leave it out, and ask for rates when you want new ones.',
    });
  }
}
