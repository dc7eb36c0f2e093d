import { beforeAll, describe, expect, it } from 'vitest';
import {
  classificationMetrics,
  confusionCells,
  crossEntropy,
  evaluateClasses,
  largestOf,
} from '../../../shared/training/metrics/classification.ts';
import { readJsonFixture } from '../../support/fixtures.ts';

interface Case {
  labels: number[];
  logits: number[];
  classes: number;
  metrics: Record<string, number>;
  precision: number[];
  recall: number[];
  f1: number[];
  support: number[];
  confusion: number[][];
}

const names = [
  'two classes',
  'five classes, uneven',
  'no better than chance',
  'all right',
  'all wrong',
  'one class is never given',
  'one class does not occur',
  'a class that neither occurs nor is given',
  'all are given one class',
  'one class alone',
];

describe.each(names)('a classifier (%s)', (name) => {
  let expected: Case;
  let result: ReturnType<typeof evaluateClasses>;
  beforeAll(async () => {
    expected = (await readJsonFixture<Record<string, Case>>('classification', 'expected.json'))[name]!;
    const { logits, labels, classes } = expected;
    const labelNames = Array.from({ length: classes }, (_, place) => `class ${place}`);
    result = evaluateClasses(Float32Array.from(logits), labels, labelNames);
  });

  it('has the metrics of scikit-learn', () => {
    expect(Object.keys(result.metrics)).toEqual(['loss', ...Object.keys(classificationMetrics)]);
    for (const [metric, value] of Object.entries(expected.metrics)) {
      expect(result.metrics[metric], metric).toBeCloseTo(value, 12);
    }
  });

  it('has the table of classes of scikit-learn', () => {
    const { classes, confusionCells } = result.table!;
    const matrix = expected.confusion.map((row) => row.map(() => 0));
    for (const [actual, given, rows] of confusionCells) matrix[actual]![given] = rows;
    expect(matrix).toEqual(expected.confusion);
    for (const [place, score] of classes.entries()) {
      expect(score.name).toBe(`class ${place}`);
      expect(score.precision).toBeCloseTo(expected.precision[place]!, 12);
      expect(score.recall).toBeCloseTo(expected.recall[place]!, 12);
      expect(score.f1).toBeCloseTo(expected.f1[place]!, 12);
      expect(score.support).toBe(expected.support[place]);
    }
  });
});

it('gives a row its largest logit, the first of equals', () => {
  expect(largestOf(Float32Array.of(1, 2, 2, -1, -2, -3, -4, -5, Number.NEGATIVE_INFINITY), 3)).toEqual(
    Int32Array.of(1, 0, 0),
  );
});

it('has no classes to give where a logit is NaN', () => {
  const { metrics, table } = evaluateClasses(Float32Array.of(1, 2, Number.NaN, 1), [0, 1], ['a', 'b']);
  expect(Object.values(metrics).every(Number.isNaN)).toBe(true);
  expect(table).toBeUndefined();
});

it('takes the loss of large logits without overflow', () => {
  expect(crossEntropy(Float32Array.of(1e4, 0, 0, 1e4), [0, 0], 2)).toBe(5000);
});

it('counts rows by their class and the class they were given', () => {
  expect(confusionCells([1, 0, 1, 1], [1, 0, 0, 1], 2)).toEqual([
    [0, 0, 1],
    [0, 1, 1],
    [1, 1, 2],
  ]);
  const many = confusionCells([9999, 0], [9999, 9999], 10_000);
  expect(many).toEqual([
    [9999, 0, 1],
    [9999, 9999, 1],
  ]);
});
