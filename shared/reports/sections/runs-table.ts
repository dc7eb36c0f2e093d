import { type Comparison, compareRuns, type GroupSummary, type RunSummary } from '../compare.ts';
import { figure, table } from '../figure.ts';
import { formatChange, formatCount, formatDuration, formatFixed, formatMetric } from '../format.ts';
import { html, type Markup } from '../html.ts';
import { groupStyle, markedLabel, swatch } from '../palette.ts';
import type { RunStatus } from '../report-input.ts';
import type { Section } from '../section.ts';
import { stripPlot } from '../strip-plot.ts';
import { findingWords, formatDifference, formatMeanAndDeviation } from '../verdict.ts';

/** A status in words. */
const STATUS_WORDS: Readonly<Record<RunStatus, string>> = {
  completed: 'ran all its epochs',
  converged: 'converged',
  budget: 'stopped by its budget',
  diverged: 'diverged',
  failed: 'failed',
  running: 'still running',
};

/** More runs than these are folded away below the table of groups. */
const MOST_RUNS = 4;

export const runsTableSection: Section = {
  name: 'runs',
  title: 'Runs',
  howToRead:
    'Of a group: mean ± standard deviation over seeds, and the paired difference from the first group by the seeds that both have, with its 95 % interval; a group is called better or worse where the paired t-test, corrected for the number of groups (Holm), says so at 5 %. Of a run: “before training” is the metric of the model as it came (epoch 0) and “change” the best value against it; alpha is given at the first and the last analysis, as mean ± spread over layers.',
  render({ runs }) {
    if (runs.length === 0) return null;
    const comparison = compareRuns(runs);
    const isRepeated = comparison.groups.some(({ values }) => values.length > 1);
    const rows = runTable(comparison.runs);
    const strip = comparison.metric && isRepeated ? stripPlot(comparison.groups) : null;
    return html`${runs.length > 1 ? groupTable(comparison) : null}${
      strip &&
      figure(
        strip,
        'A mark for the best value of every seed; the line is the mean, the bar its 95 % interval (cut where it goes far beyond the marks)',
      )
    }${
      runs.length > MOST_RUNS
        ? html`<details><summary>${formatCount(runs.length, 'run')}, one by one</summary>${rows}</details>`
        : rows
    }`;
  },
};

const withDirection = ({ metric }: GroupSummary | RunSummary) => `${metric.name} (${metric.direction} is better)`;

function groupTable({ groups, metric }: Comparison): Markup {
  const best = metric ? [`Best ${withDirection(groups[0]!)}`] : ['Metric', 'Best'];
  const header = ['Group', 'Seeds', ...best, 'Difference from the first', '95 % interval', 'Pairs', 'Shown'];
  return table(
    'One row per group of runs',
    header,
    groups.map((group, index) => {
      const { change, interval } = formatDifference(group);
      const { difference } = group;
      return [
        html`${swatch(groupStyle(index))} ${markedLabel(group.label, index)}`,
        String(group.values.length),
        ...(metric ? [] : [withDirection(group)]),
        formatMeanAndDeviation(group),
        change,
        interval,
        difference ? String(difference.seeds.length) : '–',
        html`<span class="whole">${difference ? findingWords[difference.finding] : index === 0 ? 'reference' : '–'}</span>`,
      ];
    }),
    header.flatMap((name, column) => (['Group', 'Metric', 'Shown'].includes(name) ? [] : [column])),
  );
}

function runTable(runs: readonly RunSummary[]): Markup {
  const isSame = new Set(runs.map(withDirection)).size === 1;
  const header = [
    'Run',
    isSame ? `Best ${withDirection(runs[0]!)}` : 'Best',
    'at epoch',
    'Before training',
    'Change',
    ...(isSame ? [] : ['Metric']),
    'Outcome',
    'Alpha first',
    'Alpha last',
    'Seed',
    'Time',
  ];
  return table(
    'One row per run',
    header,
    runs.map((run) => [
      run.name,
      formatMetric(run.best?.value, run.unit),
      run.best ? `${run.best.epoch} of ${run.epochs}` : '–',
      formatMetric(run.baseline, run.unit),
      formatChange(run.changeFromBaseline, run.unit),
      ...(isSame ? [] : [withDirection(run)]),
      STATUS_WORDS[run.status],
      `${formatFixed(run.alphaMean.first)} ± ${formatFixed(run.alphaStd.first)}`,
      `${formatFixed(run.alphaMean.last)} ± ${formatFixed(run.alphaStd.last)}`,
      String(run.seed),
      formatDuration(run.seconds),
    ]),
    header.flatMap((name, column) => (['Run', 'Metric', 'Outcome'].includes(name) ? [] : [column])),
  );
}
