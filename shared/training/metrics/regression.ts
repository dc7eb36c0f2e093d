/** Metrics of predicted numbers, in float64. */
import { mean } from './metric.ts';

interface RegressionMetric {
  readonly direction: 'lower' | 'higher';
  readonly describe: string;
  compute(predictions: readonly number[], truth: readonly number[]): number;
}

/** Every metric of a model that predicts a number of a text, by the name the run file and the reports use. */
export const regressionMetrics = {
  RMSE: {
    direction: 'lower',
    describe: 'root mean square error',
    compute: (predictions, truth) => Math.sqrt(mean(predictions.map((value, row) => (value - truth[row]!) ** 2))),
  },
  MAE: {
    direction: 'lower',
    describe: 'mean absolute error',
    compute: (predictions, truth) => mean(predictions.map((value, row) => Math.abs(value - truth[row]!))),
  },
  pearson: {
    direction: 'higher',
    describe: "Pearson's correlation, from -1 to 1; 0 where either side is constant",
    compute: correlation,
  },
  spearman: {
    direction: 'higher',
    describe: "Spearman's correlation of ranks, from -1 to 1; 0 where either side is constant",
    compute: (predictions, truth) => correlation(ranksOf(predictions), ranksOf(truth)),
  },
} as const satisfies Record<string, RegressionMetric>;

function correlation(first: readonly number[], second: readonly number[]): number {
  const centred = (values: readonly number[]) => {
    const middle = mean(values);
    return values.map((value) => value - middle);
  };
  const [a, b] = [centred(first), centred(second)];
  const dot = (x: readonly number[], y: readonly number[]) =>
    x.reduce((total, value, row) => total + value * y[row]!, 0);
  const norm = Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b));
  return norm === 0 ? 0 : dot(a, b) / norm;
}

/** Ranks from 1 on; equal values have the mean of theirs. */
function ranksOf(values: readonly number[]): number[] {
  const order = values.map((_, row) => row).toSorted((a, b) => values[a]! - values[b]!);
  const ranks = new Array<number>(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (const row of order.slice(start, end)) ranks[row] = (start + 1 + end) / 2;
    start = end;
  }
  return ranks;
}

/**
 * The metrics of predicted numbers by name; the loss is the mean squared error. Where a prediction is NaN all metrics are.
 * @param truth a number for each prediction
 */
export function evaluateNumbers(predictions: Float32Array, truth: Float64Array): { metrics: Record<string, number> } {
  const broken = predictions.some(Number.isNaN);
  const [found, wanted] = [Array.from(predictions), Array.from(truth)];
  const byName = Object.entries<RegressionMetric>(regressionMetrics);
  const values = byName.map(([name, { compute }]) => [name, broken ? Number.NaN : compute(found, wanted)] as const);
  const { RMSE } = Object.fromEntries(values);
  return { metrics: { loss: RMSE! ** 2, ...Object.fromEntries(values) } };
}
