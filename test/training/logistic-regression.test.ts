import { expect, it } from 'vitest';
import { fitLogisticRegression } from '../../shared/training/logistic-regression.ts';
import { readJsonFixture } from '../support/fixtures.ts';

interface Fitted {
  readonly classes: number;
  readonly labels: readonly number[];
  readonly rows: readonly (readonly number[])[];
  readonly coef: readonly (readonly number[])[];
  readonly intercept: readonly number[];
  readonly probabilities: readonly (readonly number[])[];
}

it.each(['two', 'four', 'apart'] as const)("has scikit-learn's coefficients: %s", async (name) => {
  const all = await readJsonFixture<Record<string, Fitted>>('few-shot', 'head.json');
  const { classes, labels, rows, coef, intercept, probabilities } = all[name]!;
  const given = Float32Array.from(rows.flat());
  const { weight, bias } = fitLogisticRegression(given, Int32Array.from(labels), classes);
  const size = rows[0]!.length;
  const found = Array.from({ length: classes }, (_, place) => [...weight.subarray(place * size, (place + 1) * size)]);
  const between = (pair: readonly number[]) => pair[1]! - pair[0]!;
  // scikit-learn has one row for two classes.
  const weights = classes === 2 ? [rows[0]!.map((_, at) => between(found.map((row) => row[at]!)))] : found;
  const biases = classes === 2 ? [between([...bias])] : [...bias];
  for (const [place, row] of coef.entries()) {
    for (const [at, value] of row.entries()) expect(weights[place]![at]).toBeCloseTo(value, 4);
  }
  for (const [place, value] of intercept.entries()) expect(biases[place]).toBeCloseTo(value, 4);
  for (const [row, expected] of probabilities.entries()) {
    const scores = found.map((own, place) =>
      own.reduce((sum, value, at) => sum + value * rows[row]![at]!, bias[place]!),
    );
    const sum = scores.reduce((total, score) => total + Math.exp(score), 0);
    for (const [place, value] of expected.entries()) expect(Math.exp(scores[place]!) / sum).toBeCloseTo(value, 4);
  }
  expect(fitLogisticRegression(given, Int32Array.from(labels), classes)).toEqual({ weight, bias });
});

it('refuses rows that are not numbers', () => {
  expect(() => fitLogisticRegression(Float32Array.of(1, Number.NaN), Int32Array.of(0, 1), 2)).toThrow(
    "the head can't be fitted",
  );
});
