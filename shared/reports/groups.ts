/** Which runs are repetitions of one another, and in what the groups of them differ. */
import { basename } from 'node:path';
import { namesInWords } from '../datasets/data-path.ts';
import { shorten } from './format.ts';
import type { RunReport } from './report-input.ts';

/** Runs of the same settings on the same data: they differ in the seed, and in their name and folder. */
export interface RunGroup {
  /** In what it differs from the other groups, e.g. `balance.control: byShape`. */
  readonly label: string;
  /** The runs in the order given. */
  readonly runs: readonly RunReport[];
}

/** Runs, grouped. */
export interface Grouping {
  readonly groups: readonly RunGroup[];
  /** The settings in which groups differ, each with the value of every group; null where a group has none. */
  readonly differences: readonly { readonly key: string; readonly values: readonly (string | null)[] }[];
  /** The keys that the labels name. */
  readonly named: readonly string[];
}

/** A run's settings by dotted key, as text. */
type Settings = ReadonlyMap<string, string>;

/** What repetitions of a run may differ in. What the data are is told by their content, not by where they lie. */
const ofTheRunAlone = new Set(['training.seed', 'output.name', 'output.folder', 'output.dtype', 'dataset.path']);

/** Keys that labels name first, as they say most about a run. */
const tellingKeys = ['balance', 'balance.preset', 'balance.control', 'training.learningRate'];

const LONGEST_VALUE = 28;

/** Puts runs together that differ in nothing but seed, name and folder; groups stand in the order of their first runs. */
export function groupRuns(runs: readonly RunReport[]): Grouping {
  const byKey = new Map<string, { settings: Settings; runs: RunReport[] }>();
  for (const run of runs) {
    const settings = settingsOf(run);
    const key = JSON.stringify([...settings].sort(([a], [b]) => (a < b ? -1 : 1)));
    const group = byKey.get(key);
    if (group) group.runs.push(run);
    else byKey.set(key, { settings, runs: [run] });
  }
  const found = [...byKey.values()];
  const all = found.map(({ settings }) => settings);
  const keys = [...new Set(all.flatMap((settings) => [...settings.keys()]))];
  const differences = keys
    .map((key) => ({ key, values: all.map((settings) => settings.get(key) ?? null) }))
    .filter(({ values }) => new Set(values).size > 1);
  const named = distinguishingKeys(
    all,
    differences.map(({ key }) => key),
  );
  const labels = distinctLabels(all, named);
  const groups = found.map(({ runs: members }, index) => ({
    label: labelOf(members, labels[index]!, found.length),
    runs: members,
  }));
  return { groups, differences, named };
}

/** The first run of every seed: a repeated seed is no further evidence. */
export function firstOfEachSeed({ runs }: RunGroup): RunReport[] {
  const seen = new Set<number>();
  return runs.filter(({ seed }) => !seen.has(seed) && seen.add(seed));
}

/** The run that stands for its group where only one can be drawn: that of the smallest seed. */
export function representativeOf({ runs }: RunGroup): RunReport {
  return runs.reduce((a, b) => (b.seed < a.seed ? b : a));
}

/** `training.learningRate` as `learningRate`; other keys as they are. */
export const shortKey = (key: string): string => key.replace(/^training\./, '');

function labelOf(runs: readonly RunReport[], difference: string, groups: number): string {
  const [first] = runs;
  if (runs.length > 1) return groups > 1 ? difference : `${first!.name} and others like it`;
  return groups > 1 ? `${first!.name} (${difference})` : first!.name;
}

function settingsOf({ config, dataset, metric, adapter }: RunReport): Settings {
  const settings = new Map([...flatten(config)].filter(([key]) => !ofTheRunAlone.has(key)));
  settings.set('data', `${namesInWords(dataset.path)} (${dataset.sha256.slice(0, 8)})`);
  settings.set('metric', `${metric.name}, ${metric.direction} is better`);
  if (adapter) settings.set('base', adapter.base.sha256.slice(0, 8));
  return settings;
}

function flatten(value: unknown, path = ''): Map<string, string> {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isRecord) return new Map([[path, typeof value === 'string' ? value : (JSON.stringify(value) ?? '–')]]);
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [...flatten(inner, path === '' ? key : `${path}.${key}`)]),
  );
}

/** The value of a key; of a section that is a single word in another run, its preset or that it is on. */
function settingOf(settings: Settings, key: string): string | undefined {
  const isSection = () => [...settings.keys()].some((other) => other.startsWith(`${key}.`));
  return settings.get(key) ?? (isSection() ? (settings.get(`${key}.preset`) ?? 'on') : undefined);
}

/** The fewest keys that tell all groups apart, the most telling first. */
function distinguishingKeys(all: readonly Settings[], candidates: readonly string[]): string[] {
  const rank = (key: string) => (tellingKeys.includes(key) ? tellingKeys.indexOf(key) : tellingKeys.length);
  const chosen: string[] = [];
  const told = (keys: readonly string[]) =>
    new Set(all.map((settings) => JSON.stringify(keys.map((key) => settingOf(settings, key) ?? null)))).size;
  for (const key of candidates.toSorted((a, b) => rank(a) - rank(b))) {
    if (told(chosen) === all.length) break;
    if (told([...chosen, key]) > told(chosen)) chosen.push(key);
  }
  return chosen;
}

/** A label for each of the settings, by these keys. What is absent is named only where the label would be another's. */
function distinctLabels(all: readonly Settings[], keys: readonly string[]): string[] {
  const brief = all.map((settings) => describe(settings, keys, false));
  const isClear = (label: string) => label !== '' && brief.filter((other) => other === label).length === 1;
  const whole = brief.map((label, index) => (isClear(label) ? label : describe(all[index]!, keys, true)));
  return whole.map((label, index) => {
    const before = whole.slice(0, index).filter((other) => other === label).length;
    return before === 0 ? label : `${label} (${before + 1})`;
  });
}

function describe(settings: Settings, keys: readonly string[], withAbsent: boolean): string {
  const under = (key: string, section: string) => key.startsWith(`${section}.`);
  return keys
    .flatMap((key) => {
      const value = settingOf(settings, key);
      if (value === undefined) {
        const isMeaningless = keys.some((section) => under(key, section) && settings.has(section));
        return withAbsent && !isMeaningless ? [`${shortKey(key)}: none`] : [];
      }
      const isToldBelow = !settings.has(key) && keys.some((other) => under(other, key) && settings.has(other));
      return isToldBelow ? [] : [`${shortKey(key)}: ${shorten(nameOf(value), LONGEST_VALUE)}`];
    })
    .join(', ');
}

/** The last part of a path; other values as they are. */
const nameOf = (value: string): string => (/^[/\w.-]*\/[\w.-]+$/.test(value) ? basename(value) : value);
