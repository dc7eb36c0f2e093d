import { type ChangeUnit, changeOf } from '../core/statistics/change.ts';
import { holm } from '../core/statistics/holm.ts';
import { intervalOfMean, type PairedTest, pairedTest } from '../core/statistics/paired.ts';
import { detectableEffect, pairsToDecide } from '../core/statistics/power.ts';
import { mean, standardDeviation } from '../core/statistics/sample.ts';
import { firstOfEachSeed, type Grouping, groupRuns, type RunGroup, shortKey } from './groups.ts';
import type { ReportMetric, RunReport, RunStatus } from './report-input.ts';
import { analysedEpochs, epochZero, lastEpoch, metricOf } from './runs.ts';

/** The numbers by which a run is judged. */
export interface RunSummary {
  readonly name: string;
  readonly seed: number;
  readonly status: RunStatus;
  readonly metric: ReportMetric;
  /** The unit in which changes of the metric are told. */
  readonly unit: ChangeUnit;
  /** Epochs trained. */
  readonly epochs: number;
  readonly seconds: number;
  /** The metric before any training (zero-shot). */
  readonly baseline: number | null;
  readonly best: { readonly epoch: number; readonly value: number } | null;
  /** The change from the baseline to the best value, in the unit. */
  readonly changeFromBaseline: number | null;
  /** Mean and population standard deviation of alpha over layers at the first and the last analysis. */
  readonly alphaMean: { readonly first: number | null; readonly last: number | null };
  readonly alphaStd: { readonly first: number | null; readonly last: number | null };
}

/** How a group differs from the first one, by the seeds that both have. */
export interface GroupDifference {
  /** The common seeds. */
  readonly seeds: readonly number[];
  /** Mean best value of the first group and of this one over the common seeds; over all seeds where none is common. */
  readonly means: { readonly first: number; readonly own: number };
  /** From the first group to this one, in the unit; null where the first is 0 and the unit is per cent. */
  readonly change: number | null;
  /** The 95 % interval of the change by Student's distribution of paired differences; null where it can't be given. */
  readonly interval: readonly [number, number] | null;
  /** Two-sided p value of the paired t-test, adjusted for all groups that are compared with the first (Holm); null where there is no interval. */
  readonly p: number | null;
  /** The smallest true difference that so many seeds would have found with a chance of 80 %, in the unit; null where there is no interval. */
  readonly detectable: number | null;
  /** Further seeds that would show what was seen with a chance of 80 %, were it true; null where it is shown, or too many would be needed. */
  readonly moreSeeds: number | null;
  /** Better or worse only where p is at most 0.05; `single` where one seed or none is common, so that nothing can be said. */
  readonly finding: 'better' | 'worse' | 'undecided' | 'single';
}

/** Runs of the same settings, taken together. */
export interface GroupSummary {
  readonly label: string;
  /** Names of its runs. */
  readonly runs: readonly string[];
  readonly metric: ReportMetric;
  readonly unit: ChangeUnit;
  /** The best value of every seed that has one. */
  readonly values: readonly { readonly seed: number; readonly value: number }[];
  /** Over the values; null where there are none. */
  readonly mean: number | null;
  /** The sample's standard deviation; null for fewer than two values. */
  readonly standardDeviation: number | null;
  /** The 95 % interval of the mean by Student's distribution; null for fewer than two values. */
  readonly interval: readonly [number, number] | null;
  /** Null for the first group, without values, and where runs were judged by different metrics. */
  readonly difference: GroupDifference | null;
}

/** Runs side by side, repetitions as one group. */
export interface Comparison {
  /** Null where the runs were not judged by the same metric: then nothing is compared. */
  readonly metric: ReportMetric | null;
  readonly groups: readonly GroupSummary[];
  readonly runs: readonly RunSummary[];
  /** Sentences that a fair reader has to know before believing a difference. */
  readonly caveats: readonly string[];
}

/** Compares runs by their best value: runs that differ in nothing but the seed are one group, and the first group is the reference. */
export function compareRuns(runs: readonly RunReport[]): Comparison {
  const grouping = groupRuns(runs);
  const metric = commonMetric(runs);
  const summaries = grouping.groups.map((group) => summariseGroup(group, unitOf(runs, group.runs[0]!.metric)));
  const [first] = summaries;
  const paired = summaries.map((group, index) => (index === 0 || !metric ? null : pairUp(first!, group)));
  const tests = paired.flatMap((pairs) => (pairs?.test ? [pairs.test] : []));
  const adjusted = new Map(holm(tests.map(({ p }) => p!)).map((p, index) => [tests[index]!, p]));
  const groups = summaries.map((group, index) => {
    const pairs = paired[index];
    return pairs ? { ...group, difference: differenceOf(group, pairs, adjusted) } : group;
  });
  const tested = tests.length;
  return {
    metric,
    groups,
    runs: runs.map((run) => summarise(run, unitOf(runs, run.metric))),
    caveats: runs.length > 1 ? caveats(runs, grouping, metric, tested) : [],
  };
}

/** The value that each seed of a group has reached. */
function summariseGroup(group: RunGroup, unit: ChangeUnit): GroupSummary {
  const found = firstOfEachSeed(group).flatMap(({ seed, best }) => (best ? [{ seed, value: best.value }] : []));
  const values = found.map(({ value }) => value);
  return {
    label: group.label,
    runs: group.runs.map(({ name }) => name),
    metric: group.runs[0]!.metric,
    unit,
    values: found,
    mean: values.length > 0 ? mean(values) : null,
    standardDeviation: values.length > 1 ? standardDeviation(values) : null,
    interval: intervalOfMean(values),
    difference: null,
  };
}

/** The values of two groups for the seeds that both have. */
interface PairedGroups {
  readonly seeds: readonly number[];
  readonly means: GroupDifference['means'];
  /** Null for fewer than two pairs, and where all differences are the same. */
  readonly test: PairedTest | null;
}

function pairUp(reference: GroupSummary, group: GroupSummary): PairedGroups | null {
  if (reference.mean === null || group.mean === null) return null;
  const before = new Map(reference.values.map(({ seed, value }) => [seed, value]));
  const common = group.values.filter(({ seed }) => before.has(seed));
  const own = common.map(({ value }) => value);
  const first = common.map(({ seed }) => before.get(seed)!);
  const test = pairedTest(first, own);
  return {
    seeds: common.map(({ seed }) => seed),
    means: common.length > 0 ? { first: mean(first), own: mean(own) } : { first: reference.mean, own: group.mean },
    test: test.standardDeviation > 0 ? test : null,
  };
}

/** A difference is called one where it would come about by chance in at most this share of comparisons. */
const level = 0.05;
/** More seeds than these are never proposed. */
const mostSeeds = 200;

function differenceOf(
  { metric, unit }: GroupSummary,
  { seeds, means, test }: PairedGroups,
  adjusted: ReadonlyMap<PairedTest, number>,
): GroupDifference {
  const changed = (difference: number) => changeOf(difference, means.first, unit);
  const same = { seeds, means, change: changed(means.own - means.first) };
  if (!test) {
    const finding = seeds.length < 2 ? 'single' : 'undecided';
    return { ...same, interval: null, p: null, detectable: null, moreSeeds: null, finding };
  }
  const p = adjusted.get(test)!;
  const isShown = p <= level;
  const strictest = level / adjusted.size;
  const [low, high] = test.interval!.map(changed);
  const needed = isShown ? null : pairsToDecide(test, { level: strictest, most: mostSeeds });
  const isGain = test.meanDifference > 0 === (metric.direction === 'higher');
  return {
    ...same,
    interval: low === null || high === null ? null : [low!, high!],
    p,
    detectable: changed(detectableEffect(test.pairs, strictest) * test.standardDeviation),
    moreSeeds: needed === null ? null : Math.max(1, needed - test.pairs),
    finding: isShown ? (isGain ? 'better' : 'worse') : 'undecided',
  };
}

function summarise(run: RunReport, unit: ChangeUnit): RunSummary {
  const baseline = metricOf(epochZero(run), run.metric.name);
  const analysed = analysedEpochs(run);
  const first = analysed[0]?.spectra.summary;
  const last = analysed.at(-1)?.spectra.summary;
  return {
    name: run.name,
    seed: run.seed,
    status: run.status,
    metric: run.metric,
    unit,
    epochs: lastEpoch(run),
    seconds: run.seconds ?? run.epochs.reduce((sum, { seconds }) => sum + seconds, 0),
    baseline,
    best: run.best,
    changeFromBaseline: run.best && baseline !== null ? changeOf(run.best.value - baseline, baseline, unit) : null,
    alphaMean: { first: first?.alphaMean ?? null, last: last?.alphaMean ?? null },
    alphaStd: { first: first?.alphaStd ?? null, last: last?.alphaStd ?? null },
  };
}

function commonMetric(runs: readonly RunReport[]): ReportMetric | null {
  const first = runs[0]?.metric;
  if (!first) return null;
  return runs.every(({ metric }) => metric.name === first.name && metric.direction === first.direction) ? first : null;
}

/** Percentage points for a score between -1 and 1, such as an accuracy; errors are told in per cent. */
function unitOf(runs: readonly RunReport[], { name, direction }: ReportMetric): ChangeUnit {
  if (direction === 'lower') return 'percent';
  const judged = runs.filter(({ metric }) => metric.name === name);
  const values = judged.flatMap((run) => [run.best?.value ?? 0, metricOf(epochZero(run), name) ?? 0]);
  return values.every((value) => Math.abs(value) <= 1) ? 'points' : 'percent';
}

/** Names, the first few of them. */
function listed(names: readonly string[], most = 4): string {
  const shown = names.slice(0, most).map((name) => `“${name}”`);
  return names.length > most ? `${shown.join(', ')} and ${names.length - most} more` : shown.join(', ');
}

function caveats(
  runs: readonly RunReport[],
  grouping: Grouping,
  metric: ReportMetric | null,
  tested: number,
): string[] {
  const differ = (of: (run: RunReport) => unknown) => new Set(runs.map(of)).size > 1;
  const namesOf = (chosen: readonly RunReport[]) => listed(chosen.map(({ name }) => name));
  const statuses = (['diverged', 'failed', 'running'] as const).map((status) => ({
    status,
    ended: runs.filter((run) => run.status === status),
  }));
  const readings = [...new Set(runs.flatMap(({ alphaOf = [] }) => alphaOf))];
  const without = runs.filter(({ best }) => best === null);
  const repeated = grouping.groups.flatMap((group) => {
    const counted = firstOfEachSeed(group);
    return group.runs.filter((run) => !counted.includes(run));
  });
  const software = [...new Set(runs.flatMap(({ versions }) => Object.keys(versions)))].filter((name) =>
    differ(({ versions }) => versions[name]),
  );
  return [
    ...(differ(({ dataset }) => dataset.sha256) ? ['The runs did not train on the same data file.'] : []),
    ...(differ(lastEpoch) ? ['The runs did not train for the same number of epochs.'] : []),
    ...statuses.flatMap(({ status, ended }) =>
      ended.length > 0 ? [`${namesOf(ended)} did not end normally (${status}).`] : [],
    ),
    ...(without.length > 0 ? [`${namesOf(without)} reached no value, so it is missing from its group.`] : []),
    ...(repeated.length > 0
      ? [`${namesOf(repeated)} repeats a seed of its group: the first run of a seed counts, the others don't.`]
      : []),
    ...(software.length > 0
      ? [`The runs were not made by the same software (${software.join(', ')}): see Versions.`]
      : []),
    ...(readings.length > 1
      ? [
          `Alphas, and their spreads, are not comparable between these runs: spectra were taken in different ways (${readings.join('; ')}).`,
        ]
      : []),
    ...unnamedDifferences(grouping),
    ...(tested > 1
      ? [
          `${tested} groups are compared with the first: “better” and “worse” are corrected for that (Holm), the 95 % intervals are not.`,
        ]
      : []),
    ...(metric
      ? [
          'Best values are picked on the validation data itself, so they flatter every run; small differences may be chance.',
        ]
      : []),
  ];
}

/** Settings in which groups differ besides those that their labels name; what is in a section that is named is left to the table. */
function unnamedDifferences({ differences, named }: Grouping): string[] {
  const sections = new Set(named.map((key) => key.split('.')[0]!).filter((section) => section !== 'training'));
  const derived = ['data', 'metric', 'base'];
  const keys = differences
    .map(({ key }) => key)
    .filter((key) => !named.includes(key) && !derived.includes(key) && !sections.has(key.split('.')[0]!));
  return keys.length === 0
    ? []
    : [`The groups differ in more than their labels say: ${listed(keys.map(shortKey))}; see Configuration.`];
}
