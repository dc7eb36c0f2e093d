import { describe, expect, test } from 'vitest';
import { armsAt, changesOf, medianCurve, orderedArms, quantile } from '../../../shared/reports/comparison/summary.ts';
import { madeUpComparison } from '../../support/comparison.ts';

const made = madeUpComparison({
  sizes: [null],
  epochs: 4,
  outcome: ({ purpose, arm, seed }) => (purpose === 'test' && arm === 'taps' && seed === 3 ? 'failed' : undefined),
});
const arms = armsAt(made, null);
const [plain, published, taps] = arms;

describe('arms at a size', () => {
  test('stand with the reference first', () => {
    expect(orderedArms({ ...made.design, reference: 'taps' }).map(({ name }) => name)).toEqual([
      'taps',
      'plain',
      'published',
      'farms',
      'inverse',
      'shuffled',
      'byShape',
    ]);
  });

  test('have the values of their test runs, without those that failed', () => {
    expect(plain!.values.map(({ seed }) => seed)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(taps!.values.map(({ seed }) => seed)).toEqual([1, 2, 4, 5, 6, 7, 8, 9, 10]);
    expect(taps!.runs).toHaveLength(10);
    const values = published!.values.map(({ value }) => value);
    expect(published!.mean).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / 10, 12);
    expect(published!.interval![0]).toBeLessThan(published!.mean!);
    expect(published!.interval![1]).toBeGreaterThan(published!.mean!);
  });

  test('change from the reference by pairs of a seed, with the mean that the finding has', () => {
    const changes = changesOf(taps!, plain!, 'percent');
    expect(changes.map(({ seed }) => seed)).not.toContain(3);
    const mean = changes.reduce((sum, { change }) => sum + change, 0) / changes.length;
    expect(mean).toBeCloseTo(taps!.finding!.change!, 10);
    expect(changesOf({ ...taps!, values: [] }, plain!, 'percent')).toEqual([]);
  });
});

describe('the median curve', () => {
  test('quantiles are linear between neighbours', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([4, 1, 3, 2], 0.25)).toBe(1.75);
    expect(quantile([7], 0.75)).toBe(7);
  });

  test('is of the seeds that have a value, epoch by epoch', () => {
    const run = plain!.runs[0]!;
    const curves = [
      [3, 2, 1],
      [5, null],
      [4, 3, 2],
    ].map((curve) => ({ ...run, curve }));
    expect(medianCurve(curves)).toEqual([
      { epoch: 0, median: 4, middle: [3.5, 4.5], seeds: 3 },
      { epoch: 1, median: 2.5, middle: [2.25, 2.75], seeds: 2 },
      { epoch: 2, median: 1.5, middle: [1.25, 1.75], seeds: 2 },
    ]);
    expect(medianCurve([{ ...run, curve: [null] }])).toEqual([{ epoch: 0, median: null, middle: null, seeds: 0 }]);
  });
});
