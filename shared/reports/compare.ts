import { formatTable } from '../core/table.ts';
import { formatChange, formatDuration, formatFixed, formatNumber } from './format.ts';
import type { ReportMetric, RunReport, RunStatus } from './report-input.ts';
import { analysedEpochs, epochZero, lastEpoch, metricOf } from './runs.ts';

/** The numbers by which a run is judged. */
export interface RunSummary {
  readonly name: string;
  readonly status: RunStatus;
  readonly metric: ReportMetric;
  /** Epochs trained. */
  readonly epochs: number;
  readonly seconds: number;
  /** The metric before any training (zero-shot). */
  readonly baseline: number | null;
  readonly best: { readonly epoch: number; readonly value: number } | null;
  /** 100 * (best - baseline) / |baseline| */
  readonly changeFromBaseline: number | null;
  /** 100 * (best - best of the first run) / |best of the first run|; null for the first run. */
  readonly changeFromFirst: number | null;
  /** Mean and population standard deviation of alpha over layers at the first and the last analysis. */
  readonly alphaMean: { readonly first: number | null; readonly last: number | null };
  readonly alphaStd: { readonly first: number | null; readonly last: number | null };
}

/** Runs side by side. */
export interface Comparison {
  /** Null where the runs were not judged by the same metric: then nothing is ranked. */
  readonly metric: ReportMetric | null;
  readonly runs: readonly RunSummary[];
  /** Name of the run with the best value; null on a tie, with fewer than two values, or without a common metric. */
  readonly winner: string | null;
  /** Two or more runs share the best value. */
  readonly tie: boolean;
  /** What a fair reader has to know before believing the difference. */
  readonly caveats: readonly string[];
}

/** Compares runs by their best metric, whichever wins; the first run is the reference. */
export function compareRuns(runs: readonly RunReport[]): Comparison {
  const metric = commonMetric(runs);
  const reference = metric ? (runs[0]?.best?.value ?? null) : null;
  const summaries = runs.map((run, index) => summarise(run, index === 0 ? null : reference));
  const values = summaries.flatMap(({ name, best }) => (best ? [{ name, value: best.value }] : []));
  const sign = metric?.direction === 'higher' ? -1 : 1;
  const leading = Math.min(...values.map(({ value }) => sign * value));
  const leaders = values.filter(({ value }) => sign * value === leading);
  const ranked = metric !== null && values.length > 1;
  return {
    metric,
    runs: summaries,
    winner: ranked && leaders.length === 1 ? leaders[0]!.name : null,
    tie: ranked && leaders.length > 1,
    caveats: runs.length > 1 ? caveats(runs, metric) : [],
  };
}

/** The comparison as plain text for a terminal. */
export function formatComparison(comparison: Comparison): string {
  const rows = [
    ['run', 'best', 'epoch', 'before training', 'change', 'alpha spread', 'time'],
    ...comparison.runs.map((run) => [
      run.name,
      run.best ? `${run.metric.name} ${formatNumber(run.best.value)}` : `${run.metric.name} –`,
      run.best ? `${run.best.epoch} of ${run.epochs}` : '–',
      formatNumber(run.baseline),
      formatChange(run.changeFromBaseline),
      `${formatFixed(run.alphaStd.first)} -> ${formatFixed(run.alphaStd.last)}`,
      formatDuration(run.seconds),
    ]),
  ];
  return [formatTable(rows), '', ...verdict(comparison), ...comparison.caveats].join('\n').trimEnd();
}

/** Who won and by how much, in sentences. */
export function verdict({ metric, runs, winner, tie }: Comparison): string[] {
  if (runs.length < 2) return [];
  if (!metric) return ['The runs were judged by different metrics, so they are not ranked.'];
  if (tie) return [`The best ${metric.name} is the same to the last digit in more than one run: there is no winner.`];
  const first = runs.find(({ name }) => name === winner);
  if (!first) return ['There is nothing to compare: fewer than two runs have a best epoch.'];
  const others = runs.filter((run) => run !== first && run.best !== null);
  return others.map((other) => {
    const change = percent(first.best!.value, other.best!.value);
    const better = `“${first.name}” did better than “${other.name}”: best ${metric.name}`;
    return `${better} ${formatNumber(first.best!.value)} against ${formatNumber(other.best!.value)} (${formatChange(change)}).`;
  });
}

function summarise(run: RunReport, reference: number | null): RunSummary {
  const baseline = metricOf(epochZero(run), run.metric.name);
  const analysed = analysedEpochs(run);
  const first = analysed[0]?.spectra.summary;
  const last = analysed.at(-1)?.spectra.summary;
  return {
    name: run.name,
    status: run.status,
    metric: run.metric,
    epochs: lastEpoch(run),
    seconds: run.epochs.reduce((sum, { seconds }) => sum + seconds, 0),
    baseline,
    best: run.best,
    changeFromBaseline: run.best ? percent(run.best.value, baseline) : null,
    changeFromFirst: run.best ? percent(run.best.value, reference) : null,
    alphaMean: { first: first?.alphaMean ?? null, last: last?.alphaMean ?? null },
    alphaStd: { first: first?.alphaStd ?? null, last: last?.alphaStd ?? null },
  };
}

function commonMetric(runs: readonly RunReport[]): ReportMetric | null {
  const first = runs[0]?.metric;
  if (!first) return null;
  return runs.every(({ metric }) => metric.name === first.name && metric.direction === first.direction) ? first : null;
}

function caveats(runs: readonly RunReport[], metric: ReportMetric | null): string[] {
  const differ = (of: (run: RunReport) => unknown) => new Set(runs.map(of)).size > 1;
  const unfinished = runs.filter(({ status }) => ['diverged', 'failed', 'running'].includes(status));
  return [
    ...(differ(({ dataset }) => dataset.sha256) ? ['The runs did not train on the same data file.'] : []),
    ...(differ(lastEpoch) ? ['The runs did not train for the same number of epochs.'] : []),
    ...unfinished.map(({ name, status }) => `“${name}” did not end normally (${status}).`),
    ...(metric
      ? [
          `Best values are picked on the validation data itself${
            differ(({ seed }) => seed)
              ? ' and the runs have different seeds'
              : ', and each run is a single one with the same seed'
          }: a small difference may be chance. Repeat with other seeds before relying on it.`,
        ]
      : []),
  ];
}

function percent(value: number, reference: number | null): number | null {
  return reference === null || reference === 0 ? null : (100 * (value - reference)) / Math.abs(reference);
}
