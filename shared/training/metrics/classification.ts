/** How well classes are told apart, in float64, with the conventions of scikit-learn: what would be 0/0 is 0. */
import { mean } from './metric.ts';

/** How many rows of each class (first index) were given each class (second index). */
export type ConfusionMatrix = readonly (readonly number[])[];

/** Of one class. */
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

/** What the report shows of an evaluation. */
export interface ClassTable {
  readonly classes: readonly ClassScore[];
  readonly confusion: ConfusionMatrix;
}

/** A number that a confusion matrix gives. */
interface ClassificationMetric {
  readonly direction: 'lower' | 'higher';
  readonly describe: string;
  compute(confusion: ConfusionMatrix): number;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const ratio = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
const actual = (confusion: ConfusionMatrix) => confusion.map(sum);
const predicted = (confusion: ConfusionMatrix) => confusion.map((_, place) => sum(confusion.map((row) => row[place]!)));
const right = (confusion: ConfusionMatrix) => confusion.map((row, place) => row[place]!);

/** F1 of each class, and rows of it and rows given it. */
function scores(confusion: ConfusionMatrix): { f1: number; support: number; given: number }[] {
  const [supports, givens, hits] = [actual(confusion), predicted(confusion), right(confusion)];
  return hits.map((hit, place) => {
    const [support, given] = [supports[place]!, givens[place]!];
    return { f1: ratio(2 * hit, support + given), support, given };
  });
}

const accuracy = (confusion: ConfusionMatrix) => ratio(sum(right(confusion)), sum(actual(confusion)));

/** Matthews' correlation of several classes (Gorodkin, Computational Biology and Chemistry, 2004). */
function matthews(confusion: ConfusionMatrix): number {
  const [supports, givens] = [actual(confusion), predicted(confusion)];
  const total = sum(supports);
  const dot = (a: readonly number[], b: readonly number[]) => sum(a.map((value, place) => value * b[place]!));
  const spread = (total ** 2 - dot(givens, givens)) * (total ** 2 - dot(supports, supports));
  return ratio(sum(right(confusion)) * total - dot(givens, supports), Math.sqrt(spread));
}

/** Every metric of a classifier, by the name the run file and the reports use. */
export const classificationMetrics = {
  accuracy: { direction: 'higher', describe: 'share of the rows that were given their class', compute: accuracy },
  macroF1: {
    direction: 'higher',
    describe: 'mean of the F1 of the classes that occur',
    compute: (confusion) => {
      const occurring = scores(confusion).filter(({ support, given }) => support + given > 0);
      return occurring.length === 0 ? 0 : mean(occurring.map(({ f1 }) => f1));
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
    compute: (confusion) =>
      ratio(sum(scores(confusion).map(({ f1, support }) => f1 * support)), sum(actual(confusion))),
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
export function confusionMatrix(
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): ConfusionMatrix {
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let row = 0; row < labels.length; row++) counts[labels[row]!]![predictions[row]!]!++;
  return counts;
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
  const confusion = predictions && confusionMatrix(predictions, labels, names.length);
  const byName = Object.entries<ClassificationMetric>(classificationMetrics);
  return {
    metrics: {
      loss,
      ...Object.fromEntries(byName.map(([name, { compute }]) => [name, confusion ? compute(confusion) : Number.NaN])),
    },
    table: confusion && classTable(confusion, names),
  };
}

/** Precision, recall, F1 and support of each class. */
function classTable(confusion: ConfusionMatrix, names: readonly string[]): ClassTable {
  const hits = right(confusion);
  const classes = scores(confusion).map(({ f1, support, given }, place) => ({
    name: names[place]!,
    precision: ratio(hits[place]!, given),
    recall: ratio(hits[place]!, support),
    f1,
    support,
  }));
  return { classes, confusion };
}
