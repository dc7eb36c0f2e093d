import { alphaDecay } from './alpha-decay.ts';
import { farms } from './farms.ts';
import { llr } from './llr.ts';
import { modelBalancing } from './model-balancing.ts';
import type { ModelKind, Preset } from './preset.ts';
import { tempBalance } from './temp-balance.ts';

/** Every published method that `balance.preset` names: one line each. */
export const presets = [tempBalance, modelBalancing, farms, alphaDecay, llr] as const satisfies readonly Preset[];

export type PresetName = (typeof presets)[number]['name'];
export const presetNames = presets.map(({ name }) => name) as PresetName[];

/** The preset of that name; undefined where there is none. */
export const findPreset = (name: unknown): Preset | undefined => presets.find((preset) => preset.name === name);

/** The kind of a model, by its family in the run file. */
export const kindOfModel = (family: unknown): ModelKind => (family === 'huggingface' ? 'language' : 'fields');

type Section = Readonly<Record<string, unknown>>;
const isSection = (value: unknown): value is Section =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Sections that replace the preset's as a whole: of `every: { steps: 7 }` nothing of the preset's `every` may be left. */
const wholes = ['every', 'until'];
/** Keys that name the kind of a section, such as `function` in `assignment`. */
const discriminators = ['function', 'method'];

/** A preset's settings with those that are written on top. Sections of one kind, such as two sigmoids, are merged key by key. */
function beneath(preset: Section, written: Section): Section {
  const isOtherKind = discriminators.some((key) => written[key] !== undefined && written[key] !== preset[key]);
  if (isOtherKind) return written;
  const both = (key: string) => {
    const [below, above] = [preset[key], written[key]];
    return isSection(below) && isSection(above) && !wholes.includes(key) ? beneath(below, above) : (above ?? below);
  };
  const keys = [...new Set([...Object.keys(preset), ...Object.keys(written)])];
  return Object.fromEntries(keys.map((key) => [key, both(key)]));
}

/** Of a preset that there is not: without what only makes sense on top of it, so that the preset alone is told. */
function withoutPartialSections(balance: Section): Section {
  const isPartial = (value: unknown) => isSection(value) && discriminators.every((key) => value[key] === undefined);
  const { assignment, fit, ...others } = balance;
  return {
    ...others,
    ...(isPartial(assignment) ? {} : { assignment }),
    ...(isPartial(fit) ? {} : { fit }),
  };
}

/**
 * A `balance` section as it is written, with what its preset stands for put beneath. Anything else is given back as it is.
 * @param options.isLowRank whether spectra are of updates of low rank, which have as few eigenvalues as their rank: the published least
 * number of eigenvalues would leave out all of them
 */
export function withPreset(balance: unknown, kind: ModelKind, { isLowRank = false } = {}): unknown {
  const preset = isSection(balance) ? findPreset(balance.preset) : undefined;
  if (!preset) return isSection(balance) && balance.preset !== undefined ? withoutPartialSections(balance) : balance;
  const { minEigenvalues: _, ...settings } = preset.settings(kind);
  return beneath(isLowRank ? settings : preset.settings(kind), balance as Section);
}

const valueAt = (section: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, key) => (isSection(value) ? value[key] : undefined), section);

/** Settings that the preset of a `balance` section excludes: their dotted keys, and what the preset has instead. */
export function excludedByPreset(
  balance: { readonly preset?: string | undefined },
  kind: ModelKind,
): { readonly key: string; readonly wanted: unknown }[] {
  const preset = findPreset(balance.preset);
  if (!preset) return [];
  return preset.essential.flatMap((key) => {
    const path = key.split('.');
    const wanted = valueAt(preset.settings(kind), path);
    return JSON.stringify(valueAt(balance, path)) === JSON.stringify(wanted) ? [] : [{ key, wanted }];
  });
}
