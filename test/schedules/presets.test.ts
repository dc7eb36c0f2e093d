import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { runFileSchema } from '../../shared/config/run-file.ts';
import { type BalanceConfig, balanceConfigSchema } from '../../shared/schedules/config.ts';
import type { ModelKind } from '../../shared/schedules/presets/preset.ts';
import { findPreset, type PresetName, presetNames, withPreset } from '../../shared/schedules/presets/registry.ts';
import { rateTable } from '../../shared/schedules/rate-table.ts';
import { analyseLayers } from '../../shared/spectra/analyse.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';
import { bufferSource } from '../../shared/tensors/byte-source.ts';
import type { Layer, LayerKind, ParameterSpec } from '../../shared/tensors/layer.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import { multipliersAlong, rampShare } from '../../shared/training/applied-rates.ts';
import { fixturePath, readJsonFixture } from '../support/fixtures.ts';
import { hasPublishedNumbers, numbersOf } from '../support/published-presets.ts';

/** What the scripts beside the numbers computed of one set of weights. */
interface Case {
  readonly name: string;
  readonly weights: string;
  readonly settings: {
    readonly xminPosition: number;
    readonly filterZeros: boolean;
    readonly minEigenvalues: number;
    readonly assignment: Readonly<Record<string, unknown>>;
    readonly exclude: readonly string[];
    readonly conv1d?: string;
    readonly window?: number;
    readonly perSide?: number;
  };
  readonly layers: Readonly<Record<string, { kind: LayerKind; shape: number[]; alpha: number | null }>>;
  readonly factors: Readonly<Record<string, number>>;
  readonly withoutSpectrum?: readonly string[];
  readonly controls?: Readonly<Record<'inverse' | 'byShape', Readonly<Record<string, number>>>>;
}

const read = <T>(file: string): Promise<T> => readJsonFixture<T>('presets', file);
const bytes = await readFile(fixturePath('presets', 'weights.safetensors'));
const weights = await (await openSafetensors(bufferSource('weights.safetensors', bytes))).readAll();

/** Of presets that have numbers; `test/registries.test.ts` insists on some for each. */
const goldens = await Promise.all(
  presetNames
    .filter(hasPublishedNumbers)
    .map(async (preset) => ({ preset, cases: (await read<{ cases: Case[] }>(numbersOf(preset))).cases })),
);

const kindOf = ({ weights }: Case): ModelKind => (weights.startsWith('bert') ? 'language' : 'fields');

const resolved = (balance: object, kind: ModelKind): BalanceConfig =>
  balanceConfigSchema.parse(withPreset(balance, kind));

/** The preset with what a case has otherwise set on top. */
function settingsOf(preset: PresetName, given: Case, more: object = {}): BalanceConfig {
  const { settings } = given;
  const { xminPosition, filterZeros, minEigenvalues, assignment, exclude, conv1d, window, perSide } = settings;
  return resolved(
    {
      preset,
      fit: { xminPosition },
      filterZeros,
      minEigenvalues,
      assignment,
      exclude,
      excludeEnds: 'none',
      ...(conv1d ? { conv1d } : {}),
      // The authors count the eigenvalues of all windows, and their scripts treat a Conv1d as a Conv2d.
      ...(window ? { farms: { side: window, perSide }, minEigenvalues: 0, conv1d: 'taps' } : {}),
      ...more,
    },
    kindOf(given),
  );
}

/** Alphas and factors by layer, as a run has them; layers that `isHead` names have a weight that is not analysed. */
async function measured(given: Case, config: BalanceConfig, isHead: (name: string) => boolean = () => false) {
  const named = Object.entries(given.layers);
  const layers: Layer[] = named
    .filter(([name]) => !isHead(name))
    .map(([name, { kind }]) => ({ name, kind, weights: [`${name}.weight`] }));
  const parameters = named.map(
    ([name, { shape }]): ParameterSpec => ({
      name: `${name}.weight`,
      shape,
      decay: true,
      ...(isHead(name) ? {} : { layer: name }),
    }),
  );
  const tensor = async (name: string) => weights.get(`${given.weights}/${name}`)!;
  const report = await analyseLayers(layers, tensor, config, portableSolver);
  const table = rateTable(report, parameters, config, 42);
  const target = config.target === 'weightDecay' ? 'weightDecay' : 'learningRate';
  return {
    alphas: new Map(
      report.layers.map((layer) => [layer.name, config.metric === 'farmsAlpha' ? layer.farmsAlpha : layer.alpha]),
    ),
    factors: Object.fromEntries(named.map(([name]) => [name, table.parameters[`${name}.weight`]?.[target] ?? 1])),
    table,
  };
}

function expectClose(actual: Readonly<Record<string, number>>, wanted: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(wanted)) {
    expect(Math.abs(actual[name]! / value - 1), `${name}: ${actual[name]} instead of ${value}`).toBeLessThan(1e-6);
  }
}

describe.each(goldens)('$preset', ({ preset, cases }) => {
  it.each(cases.map((given) => [`${given.name}, ${given.weights}`, given] as const))(
    "has its authors' alphas and factors: %s",
    async (_, given) => {
      const isHead = (name: string) => given.withoutSpectrum?.includes(name) ?? false;
      const { alphas, factors } = await measured(given, settingsOf(preset, given), isHead);
      const fitted = Object.entries(given.layers).filter(([, { alpha }]) => alpha != null);
      expect(fitted.length).toBeGreaterThan(1);
      for (const [name, { alpha }] of fitted) {
        if (isHead(name)) continue;
        const found = alphas.get(name);
        // A tail of fewer than 3 has no alpha here; such layers have too few eigenvalues to be balanced.
        if (found == null) expect(given.factors[name], name).toBe(1);
        else expect(Math.abs(found / alpha! - 1), name).toBeLessThan(1e-6);
      }
      expectClose(factors, given.factors);
      expect(new Set(Object.values(factors)).size).toBeGreaterThan(
        given.settings.minEigenvalues > 40 && given.weights.startsWith('fno') ? 0 : 1,
      );
    },
  );

  it("has its authors' factors by its name alone", async () => {
    const published = cases.filter(({ name }) => /^published$|^published for ResNet-18$|^QNLI 0.02|^s = 3$/.test(name));
    expect(published.length).toBeGreaterThan(0);
    for (const given of published) {
      // FARMS has no layers of its own to leave out: those of the case are named.
      const exclude = preset === 'farms' ? given.settings.exclude : [];
      const isHead = (name: string) => name === 'classifier' || name.startsWith('embeddings');
      const { factors } = await measured(given, resolved({ preset, exclude }, kindOf(given)), isHead);
      const { classifier, ...analysed } = given.factors;
      expectClose(factors, preset === 'llr' ? given.factors : analysed);
      expect(new Set(Object.values(factors)).size).toBeGreaterThan(1);
    }
  });

  const controlled = cases.filter(({ controls }) => controls);
  it.runIf(controlled.length > 0).each(controlled.map((given) => [`${given.name}, ${given.weights}`, given] as const))(
    'has the controls that its factors give: %s',
    async (_, given) => {
      for (const [control, wanted] of Object.entries(given.controls!)) {
        const { factors } = await measured(given, settingsOf(preset, given, { control }));
        expectClose(factors, wanted);
      }
    },
  );

  it('fits into a run file for either kind of model, and stays as it is when it is read again', () => {
    const model = { family: 'fno1d' };
    const dataset = { format: 'pdebench', path: 'data.hdf5', window: 1 };
    const parsed = runFileSchema.parse({ model, dataset, balance: { preset } });
    expect(parsed.balance).toMatchObject({ preset });
    expect(runFileSchema.parse(parsed)).toEqual(parsed);
    expect(findPreset(preset)!.description).toMatch(/\d{4}\)/);
    const language = runFileSchema.parse({
      model: { family: 'huggingface', folder: 'm', task: 'classification' },
      dataset: { format: 'csv', path: 'x.csv' },
      balance: { preset },
    });
    expect(language.balance).toMatchObject({ preset });
  });
});

describe('settings beside a preset', () => {
  it('go before it, one by one', () => {
    const config = resolved({ preset: 'llr', assignment: { maxFactor: 5 }, rampSteps: 7 }, 'language');
    expect(config).toMatchObject({
      assignment: { function: 'linearMap', minFactor: 1, maxFactor: 5 },
      rampSteps: 7,
      until: { share: 0.2 },
    });
  });

  it('replace a section of another kind as a whole', () => {
    const config = resolved({ preset: 'modelBalancing', fit: { method: 'fixFinger' } }, 'language');
    expect(config.fit).toEqual({ method: 'fixFinger' });
  });
});

describe("LLR's ramp", async () => {
  const { ramps, cases } = await read<{
    ramps: {
      s: number;
      every: number;
      length: number;
      until: number;
      measured: { step: number; weights: string }[];
      steps: number[];
      multipliers: Record<string, number[]>;
      multipliersFromFirst: Record<string, number[]>;
    }[];
    cases: Case[];
  }>('llr.json');

  it.each(ramps.map((ramp) => [`s = ${ramp.s}, every ${ramp.every}, over ${ramp.length}`, ramp] as const))(
    'has the multipliers of every step: %s',
    (_, { s, length, measured: at, steps, multipliers, multipliersFromFirst }) => {
      const layers = Object.keys(multipliers);
      const tableOf = (set: string) => {
        const { factors } = cases.find(({ name, weights }) => name === `s = ${s}` && weights === set)!;
        return Object.fromEntries(layers.map((layer) => [layer, { learningRate: factors[layer]!, weightDecay: 1 }]));
      };
      for (const [start, wanted] of [
        [{}, multipliers],
        [tableOf(at[0]!.weights), multipliersFromFirst],
      ] as const) {
        let inForce = { from: start, begins: 0, steps: length, to: tableOf(at[0]!.weights) };
        const valuesAt = (step: number) => multipliersAlong(inForce.from, inForce.to, rampShare(inForce, step));
        for (const [index, step] of steps.entries()) {
          const last = at.findLast((one) => one.step < step);
          if (last && last.step !== inForce.begins) {
            inForce = { from: valuesAt(last.step - 1), begins: last.step, steps: length, to: tableOf(last.weights) };
          }
          // After so many steps are taken: what the last of them was taken with.
          const now = step === 0 ? start : valuesAt(step - 1);
          for (const layer of layers) {
            const value = (now as ReturnType<typeof valuesAt>)[layer]?.learningRate ?? 1;
            expect(Math.abs(value / wanted[layer]![index]! - 1), `${layer} at ${step}`).toBeLessThan(1e-6);
          }
        }
      }
    },
  );
});
