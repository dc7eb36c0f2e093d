/** How well labels are told of rows that may have several, in float64, with the conventions of scikit-learn: what would be 0/0 is 0. */
import type { ClassTable } from './classification.ts';
import { mean, ratio, sum } from './metric.ts';

/** A label is given where its probability is at least this. */
export const usualThreshold = 0.5;

/** Sums over the rows, by label. */
interface Counts {
  /** Rows that have the label. */
  readonly supports: readonly number[];
  /** Rows for which the label is predicted. */
  readonly givens: readonly number[];
  /** Rows that have the label and for which it is predicted. */
  readonly hits: readonly number[];
  readonly rows: number;
  /** Rows that were given just the labels that they have. */
  readonly exact: number;
}

interface MultiLabelMetric {
  readonly direction: 'lower' | 'higher';
  readonly describe: string;
  compute(counts: Counts): number;
}

const f1Of = ({ supports, givens, hits }: Counts) =>
  hits.map((hit, place) => ratio(2 * hit, supports[place]! + givens[place]!));

/** Every metric of a classifier of several labels, by the name the run file and the reports use. */
export const multiLabelMetrics = {
  microF1: {
    direction: 'higher',
    describe: 'F1 of all decisions together: of every label in every row',
    compute: ({ supports, givens, hits }) => ratio(2 * sum(hits), sum(supports) + sum(givens)),
  },
  macroF1: { direction: 'higher', describe: 'mean of the F1 of all labels', compute: (counts) => mean(f1Of(counts)) },
  weightedF1: {
    direction: 'higher',
    describe: 'mean of the F1 of the labels, weighted by their rows',
    compute: (counts) =>
      ratio(sum(f1Of(counts).map((f1, place) => f1 * counts.supports[place]!)), sum(counts.supports)),
  },
  subsetAccuracy: {
    direction: 'higher',
    describe: 'share of the rows that were given just the labels that they have',
    compute: ({ exact, rows }) => ratio(exact, rows),
  },
} as const satisfies Record<string, MultiLabelMetric>;

/** The sigmoid, in float64. */
export const sigmoid = (logit: number): number =>
  logit >= 0 ? 1 / (1 + Math.exp(-logit)) : Math.exp(logit) / (1 + Math.exp(logit));

/** The labels that a row is given, by its logits. */
export const labelsAbove = (logits: ArrayLike<number>, threshold: number): number[] =>
  Array.from(logits).flatMap((logit, place) => (sigmoid(logit) >= threshold ? [place] : []));

/** Mean over all labels of all rows of the negative logarithm of the probability of what is true. */
function binaryCrossEntropy(logits: Float32Array, sets: readonly (readonly number[])[], labels: number): number {
  let total = 0;
  for (const [row, set] of sets.entries()) {
    for (let place = 0; place < labels; place++) {
      const logit = logits[row * labels + place]!;
      total += Math.max(logit, 0) + Math.log1p(Math.exp(-Math.abs(logit)));
    }
    for (const place of set) total -= logits[row * labels + place]!;
  }
  return total / (sets.length * labels);
}

/**
 * The metrics of a classifier of several labels by name, loss included, and the table of its labels, without confusions. Where a logit is NaN all metrics
 * are, and there is no table.
 * @param logits `[rows, labels]`
 * @param sets the labels of each row, places in `names`
 */
export function evaluateLabelSets(
  logits: Float32Array,
  sets: readonly (readonly number[])[],
  names: readonly string[],
  threshold = usualThreshold,
): { metrics: Record<string, number>; table: ClassTable | undefined } {
  const counts = logits.some(Number.isNaN) ? undefined : countsOf(logits, sets, names.length, threshold);
  const byName = Object.entries<MultiLabelMetric>(multiLabelMetrics);
  return {
    metrics: {
      loss: binaryCrossEntropy(logits, sets, names.length),
      ...Object.fromEntries(byName.map(([name, { compute }]) => [name, counts ? compute(counts) : Number.NaN])),
    },
    table: counts && { classes: scoresOf(counts, names), confusionCells: [] },
  };
}

function countsOf(
  logits: Float32Array,
  sets: readonly (readonly number[])[],
  labels: number,
  threshold: number,
): Counts {
  const zeros = () => new Array<number>(labels).fill(0);
  const [supports, givens, hits] = [zeros(), zeros(), zeros()];
  let exact = 0;
  for (const [row, set] of sets.entries()) {
    const given = labelsAbove(logits.subarray(row * labels, (row + 1) * labels), threshold);
    const both = given.filter((place) => set.includes(place));
    for (const place of set) supports[place]!++;
    for (const place of given) givens[place]!++;
    for (const place of both) hits[place]!++;
    if (both.length === set.length && both.length === given.length) exact++;
  }
  return { supports, givens, hits, rows: sets.length, exact };
}

function scoresOf(counts: Counts, names: readonly string[]): ClassTable['classes'] {
  const { supports, givens, hits } = counts;
  return f1Of(counts).map((f1, place) => ({
    name: names[place]!,
    precision: ratio(hits[place]!, givens[place]!),
    recall: ratio(hits[place]!, supports[place]!),
    f1,
    support: supports[place]!,
  }));
}
