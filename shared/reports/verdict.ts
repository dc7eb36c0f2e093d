/** What a comparison shows, in words: as sentences, and as plain text for a terminal. */
import { formatTable } from '../core/table.ts';
import type { Comparison, GroupDifference, GroupSummary } from './compare.ts';
import {
  formatChange,
  formatCount,
  formatDuration,
  formatFixed,
  formatInterval,
  formatMetric,
  formatNumber,
} from './format.ts';

/** More groups than these are told by the overview and the table alone in a terminal. */
const MOST_SENTENCES = 8;

/** The outcome of comparing groups with the first one. */
export interface Verdict {
  /** The whole in one sentence; null for a single run. */
  readonly overview: string | null;
  /** A sentence for each group but the first; empty where the overview says it. */
  readonly findings: readonly string[];
}

/** What the comparison shows. Nothing is called better that its seeds can't tell from chance. */
export function verdict({ metric, groups, runs }: Comparison): Verdict {
  if (runs.length < 2) return { overview: null, findings: [] };
  if (!metric) return { overview: 'The runs were judged by different metrics, so they are not ranked.', findings: [] };
  const [first] = groups;
  if (groups.length === 1) return { overview: ofOneGroup(first!), findings: [] };
  const compared = groups.slice(1).filter(({ difference }) => difference !== null);
  if (compared.length === 0) {
    return { overview: 'There is nothing to compare: fewer than two settings have a best epoch.', findings: [] };
  }
  const sentences = compared.map((group) => finding(first!, group, group.difference!));
  const isAnySingle = compared.some(({ difference }) => difference!.finding === 'single');
  const advice = isAnySingle
    ? ["One seed can't tell an effect from noise: repeat the runs with the same further seeds in every group."]
    : [];
  if (compared.length === 1) return { overview: sentences[0]!, findings: advice };
  return { overview: overviewOf(first!, compared), findings: [...sentences, ...advice] };
}

/** The comparison as plain text for a terminal. */
export function formatComparison(comparison: Comparison): string {
  const { groups, runs, caveats } = comparison;
  const { overview, findings } = verdict(comparison);
  const isRepeated = groups.some(({ values }) => values.length > 1);
  const few = findings.length <= MOST_SENTENCES ? findings : [];
  const tables = [
    ...(isRepeated ? [formatTable(groupRows(groups))] : []),
    ...(isRepeated && runs.length > 2 * MOST_SENTENCES ? [] : [formatTable(runRows(comparison))]),
  ];
  return [...tables.flatMap((table) => [table, '']), ...(overview ? [overview] : []), ...few, ...caveats]
    .join('\n')
    .trimEnd();
}

/** `0.0312 ± 0.0012` or `81.3 ± 1.2 %`: mean and deviation, without the latter for one value. */
export function formatMeanAndDeviation({
  mean,
  standardDeviation,
  unit,
}: Pick<GroupSummary, 'mean' | 'standardDeviation' | 'unit'>): string {
  if (standardDeviation === null) return formatMetric(mean, unit);
  if (unit === 'points') return `${formatFixed(100 * mean!, 1)} ± ${formatFixed(100 * standardDeviation, 1)} %`;
  return `${formatMetric(mean, unit)} ± ${formatNumber(standardDeviation, 2)}`;
}

/** What a group's difference from the first one is, for a cell of a table. */
export function formatDifference({ difference, unit }: GroupSummary): { change: string; interval: string } {
  if (!difference) return { change: '–', interval: '–' };
  const { change, interval } = difference;
  return { change: formatChange(change, unit), interval: interval ? formatInterval(interval, unit) : '–' };
}

/** The words for a finding in a cell of a table. */
export const findingWords = {
  better: 'better',
  worse: 'worse',
  undecided: 'no difference shown',
  single: 'one seed says nothing',
} as const satisfies Record<GroupDifference['finding'], string>;

function groupRows(groups: readonly GroupSummary[]): string[][] {
  return [
    ['group', 'seeds', `best ${groups[0]!.metric.name}`, 'difference from the first', '95 % interval', 'shown'],
    ...groups.map((group, index) => {
      const { change, interval } = formatDifference(group);
      const shown = group.difference ? findingWords[group.difference.finding] : index === 0 ? 'reference' : '–';
      return [group.label, String(group.values.length), formatMeanAndDeviation(group), change, interval, shown];
    }),
  ];
}

function runRows({ runs }: Comparison): string[][] {
  return [
    ['run', 'best', 'epoch', 'before training', 'change', 'alpha spread', 'time'],
    ...runs.map((run) => [
      run.name,
      `${run.metric.name} ${formatMetric(run.best?.value, run.unit)}`,
      run.best ? `${run.best.epoch} of ${run.epochs}` : '–',
      formatMetric(run.baseline, run.unit),
      formatChange(run.changeFromBaseline, run.unit),
      `${formatFixed(run.alphaStd.first)} -> ${formatFixed(run.alphaStd.last)}`,
      formatDuration(run.seconds),
    ]),
  ];
}

function ofOneGroup(group: GroupSummary): string {
  const { values, metric, interval, unit } = group;
  if (values.length === 0) return `None of these runs of the same settings has reached a value of ${metric.name}.`;
  if (values.length === 1) return `These runs have the same settings, and one seed: there is nothing to compare.`;
  const between = `${formatMetric(interval![0], unit)} to ${formatMetric(interval![1], unit)}`;
  return `${formatCount(values.length, 'seed')} of the same settings: best ${metric.name} ${formatMeanAndDeviation(group)} (mean and deviation; 95 % interval of the mean ${between}).`;
}

function finding(first: GroupSummary, group: GroupSummary, difference: GroupDifference): string {
  const { metric, unit } = group;
  const { seeds, means, change, interval } = difference;
  const both = `“${group.label}” and “${first.label}”`;
  const values = `${formatMetric(means.own, unit)} against ${formatMetric(means.first, unit)}`;
  const size = means.own === means.first ? 'the same to the last digit' : formatChange(change, unit);
  const told = `mean best ${metric.name} ${values}, ${size}`;
  const between = interval ? `95 % interval ${formatInterval(interval, unit)}` : 'no interval can be given';
  switch (difference.finding) {
    case 'better':
    case 'worse':
      return `“${group.label}” did ${difference.finding} than “${first.label}” over ${formatCount(seeds.length, 'seed')}: ${told} (${between}).`;
    case 'undecided': {
      if (interval)
        return `${both}: no difference that ${formatCount(seeds.length, 'seed')} can show; ${told} (${between}). ${power(difference, unit)}`;
      return `${both}: ${told}, in each of ${formatCount(seeds.length, 'seed')} alike, so that no interval can be given.`;
    }
    case 'single': {
      const where = seeds.length === 1 ? `with seed ${seeds[0]}` : 'with different seeds, so that no pairs can be made';
      return `${both}: best ${metric.name} ${values} (${size}), ${where}.`;
    }
  }
}

/** What the seeds could have shown, and how many more would show what was seen. */
function power({ detectable, moreSeeds }: GroupDifference, unit: GroupSummary['unit']): string {
  const found =
    detectable === null
      ? ''
      : `They would have found ${formatChange(Math.abs(detectable), unit).replace(/ (higher|lower|more|less)$/, '')} with a chance of 80 %`;
  const more =
    moreSeeds === null
      ? 'hundreds of seeds would be needed to show what was seen'
      : `about ${formatCount(moreSeeds, 'more seed')} would show what was seen, if it is true`;
  return found ? `${found}; ${more}.` : `${more[0]!.toUpperCase()}${more.slice(1)}.`;
}

function overviewOf(first: GroupSummary, compared: readonly GroupSummary[]): string {
  const labels = (wanted: GroupDifference['finding']) =>
    compared.filter(({ difference }) => difference!.finding === wanted).map(({ label }) => `“${label}”`);
  const told = (wanted: 'better' | 'worse') => {
    const found = labels(wanted);
    if (found.length === 0) return [];
    return [`is ${wanted} with ${found.length > 4 ? formatCount(found.length, 'group') : found.join(', ')}`];
  };
  const count = (wanted: 'undecided' | 'single', words: string) => {
    const { length } = labels(wanted);
    if (length === 0) return [];
    return [
      `${words} ${length === compared.length ? `any of the ${length} other groups` : formatCount(length, 'group')}`,
    ];
  };
  const parts = [
    ...told('better'),
    ...told('worse'),
    ...count('undecided', 'shows no difference for'),
    ...count('single', "can't be judged (one seed or none in common) for"),
  ];
  return `Compared with “${first.label}”, ${first.metric.name} ${parts.join('; ')}.`;
}
