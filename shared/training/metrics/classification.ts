/** How well classes are told apart, in float64, with the conventions of scikit-learn: what would be 0/0 is 0. */
import { mean, ratio, sum } from './metric.ts';

/** How many rows of a class (first number) were given a class (second number), by the classes' places; what never happened is left out. */
export type ConfusionCells = readonly (readonly [actual: number, given: number, rows: number])[];

/** Precision, recall, F1 and support of one class. */
export interface ClassScore {
  readonly name: string;
  /** Share of the rows given this class that are of it. */
  readonly precision: number;
  /** Share of the rows of this class that were given it. */
  readonly recall: number;
  /** Harmonic mean of the two. */
  readonly f1: number;
  /** Rows of this class. */
  readonly support: number;
}

/** The scores of an evaluation as the report shows them. */
export interface ClassTable {
  readonly classes: readonly ClassScore[];
  /** The counts by true class and by predicted class. */
  readonly confusionCells: ConfusionCells;
}

/** Sums over a confusion matrix, by class. */
interface Counts {
  /** Rows of the class. */
  readonly supports: readonly number[];
  /** Rows for which the class is predicted. */
  readonly givens: readonly number[];
  /** Rows of the class for which it is predicted. */
  readonly hits: readonly number[];
}

/** A number that the sums give. */
interface ClassificationMetric {
  readonly direction: 'lower' | 'higher';
  readonly describe: string;
  compute(counts: Counts): number;
}

function countsOf(cells: ConfusionCells, classes: number): Counts {
  const zeros = () => new Array<number>(classes).fill(0);
  const [supports, givens, hits] = [zeros(), zeros(), zeros()];
  for (const [actual, given, rows] of cells) {
    supports[actual]! += rows;
    givens[given]! += rows;
    if (actual === given) hits[actual]! += rows;
  }
  return { supports, givens, hits };
}

/** F1 of each class. */
const f1Of = ({ supports, givens, hits }: Counts) =>
  hits.map((hit, place) => ratio(2 * hit, supports[place]! + givens[place]!));

const accuracy = ({ supports, hits }: Counts) => ratio(sum(hits), sum(supports));

/** Matthews' correlation of several classes (Gorodkin, Computational Biology and Chemistry, 2004). */
function matthews({ supports, givens, hits }: Counts): number {
  const total = sum(supports);
  const dot = (a: readonly number[], b: readonly number[]) => sum(a.map((value, place) => value * b[place]!));
  const spread = (total ** 2 - dot(givens, givens)) * (total ** 2 - dot(supports, supports));
  return ratio(sum(hits) * total - dot(givens, supports), Math.sqrt(spread));
}

/** Every metric of a classifier, by the name the run file and the reports use. */
export const classificationMetrics = {
  accuracy: { direction: 'higher', describe: 'share of the rows that were given their class', compute: accuracy },
  macroF1: {
    direction: 'higher',
    describe: 'mean of the F1 of the classes that occur',
    compute: (counts) => {
      const { supports, givens } = counts;
      const occurring = f1Of(counts).filter((_, place) => supports[place]! + givens[place]! > 0);
      return occurring.length === 0 ? 0 : mean(occurring);
    },
  },
  microF1: {
    direction: 'higher',
    describe: 'F1 of all decisions together, which is the accuracy where each row has one class',
    compute: accuracy,
  },
  weightedF1: {
    direction: 'higher',
    describe: 'mean of the F1 of the classes, weighted by their rows',
    compute: (counts) =>
      ratio(sum(f1Of(counts).map((f1, place) => f1 * counts.supports[place]!)), sum(counts.supports)),
  },
  matthews: { direction: 'higher', describe: "Matthews' correlation, from -1 to 1; 0 is chance", compute: matthews },
} as const satisfies Record<string, ClassificationMetric>;

/** The class of each row of logits `[rows, classes]`, the first of equals; undefined: a logit is NaN. */
export function largestOf(logits: Float32Array, classes: number): Int32Array | undefined {
  const result = new Int32Array(logits.length / classes);
  for (let index = 0; index < logits.length; index++) {
    if (Number.isNaN(logits[index])) return undefined;
    const row = Math.floor(index / classes);
    if (logits[index]! > logits[row * classes + result[row]!]!) result[row] = index % classes;
  }
  return result;
}

/** Counts which classes rows of which class were given. */
export function confusionCells(
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): ConfusionCells {
  const counts = new Map<number, number>();
  for (let row = 0; row < labels.length; row++) {
    const cell = labels[row]! * classes + predictions[row]!;
    counts.set(cell, (counts.get(cell) ?? 0) + 1);
  }
  return [...counts]
    .toSorted(([a], [b]) => a - b)
    .map(([cell, rows]) => [Math.floor(cell / classes), cell % classes, rows]);
}

/** Mean over the rows of the negative logarithm of the probability that softmax gives the label; logits are `[rows, classes]`. */
export function crossEntropy(logits: Float32Array, labels: ArrayLike<number>, classes: number): number {
  let total = 0;
  for (let row = 0; row < labels.length; row++) {
    const scoresOfRow = logits.subarray(row * classes, (row + 1) * classes);
    const largest = scoresOfRow.reduce((a, b) => Math.max(a, b));
    const exponentials = scoresOfRow.reduce((partial, logit) => partial + Math.exp(logit - largest), 0);
    total += largest + Math.log(exponentials) - scoresOfRow[labels[row]!]!;
  }
  return total / labels.length;
}

/**
 * The metrics of a classifier by name, loss included, and the table of its classes. Where a logit is NaN all metrics are, and there is no
 * table.
 * @param logits `[rows, classes]`
 * @param labels places in `names`.
 */
export function evaluateClasses(
  logits: Float32Array,
  labels: ArrayLike<number>,
  names: readonly string[],
): { metrics: Record<string, number>; table: ClassTable | undefined } {
  const loss = crossEntropy(logits, labels, names.length);
  const predictions = largestOf(logits, names.length);
  const cells = predictions && confusionCells(predictions, labels, names.length);
  const counts = cells && countsOf(cells, names.length);
  const byName = Object.entries<ClassificationMetric>(classificationMetrics);
  return {
    metrics: {
      loss,
      ...Object.fromEntries(byName.map(([name, { compute }]) => [name, counts ? compute(counts) : Number.NaN])),
    },
    table: counts && { classes: scoresOf(counts, names), confusionCells: cells },
  };
}

/** Precision, recall, F1 and support of each class. */
function scoresOf(counts: Counts, names: readonly string[]): ClassScore[] {
  const { supports, givens, hits } = counts;
  return f1Of(counts).map((f1, place) => ({
    name: names[place]!,
    precision: ratio(hits[place]!, givens[place]!),
    recall: ratio(hits[place]!, supports[place]!),
    f1,
    support: supports[place]!,
  }));
}
