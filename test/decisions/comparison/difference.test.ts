import { describe, expect, it } from 'vitest';
import { intervalOfMean } from '../../../shared/core/statistics/paired.ts';
import { detectableEffect } from '../../../shared/core/statistics/power.ts';
import { differenceOf, familyOf, isGain, isShown } from '../../../shared/decisions/comparison/difference.ts';
import { counting, madeUpDesign } from './made-up-comparison.ts';

const valuesOf = (values: readonly number[]) => ({
  bySeed: new Map(values.map((value, index) => [index + 1, value])),
});
const before = [2, 2.2, 1.9, 2.1, 2.3, 1.8, 2, 2.1, 1.9, 1.7];
const after = [1.9, 2.05, 1.84, 1.95, 2.2, 1.74, 1.88, 2, 1.82, 1.6];
const difference = (changes: Parameters<typeof madeUpDesign>[0] = {}) =>
  differenceOf(madeUpDesign(changes), valuesOf(before), valuesOf(after));

describe('a difference', () => {
  it('in per cent is of the mean of the first arm, its intervals too', () => {
    const { change, interval, interval90, seeds } = difference();
    expect(seeds).toEqual(counting(10));
    expect(change).toBeCloseTo(-5.1, 10);
    const differences = before.map((value, index) => after[index]! - value);
    for (const end of [0, 1] as const) {
      expect(interval![end]).toBeCloseTo((100 * intervalOfMean(differences)![end]) / 2, 10);
      expect(interval90![end]).toBeCloseTo((100 * intervalOfMean(differences, 0.1)![end]) / 2, 10);
    }
  });
  it('in percentage points is a hundred times that of shares', () => {
    const points = difference({ unit: 'points' });
    expect(points.change).toBeCloseTo(-10.2, 10);
    const percent = difference();
    for (const end of [0, 1] as const) expect(points.bootstrap()![end] / percent.bootstrap()![end]).toBeCloseTo(2, 10);
  });
  it('is negligible where the 90 % interval lies within the smallest effect', () => {
    const [low] = difference().interval90!;
    expect(difference({ smallestEffect: -low * 1.001 }).isNegligible).toBe(true);
    expect(difference({ smallestEffect: -low * 0.999 }).isNegligible).toBe(false);
  });
  it('is shown where both the adjusted test and the bootstrap say so', () => {
    const own = difference();
    expect(isShown(own, 0.05)).toBe(true);
    expect(isShown(own, 0.051)).toBe(false);
    expect(isShown(own, null)).toBe(false);
    expect(isShown({ ...own, bootstrap: () => [-3, 0.1] }, 0.01)).toBe(false);
  });
  it('is a gain by the direction of the metric', () => {
    expect(isGain(-1, { name: 'nRMSE', direction: 'lower' })).toBe(true);
    expect(isGain(-1, { name: 'accuracy', direction: 'higher' })).toBe(false);
  });
});

describe('a family of differences', () => {
  it('counts those that were tested', () => {
    const tested = difference();
    const none = differenceOf(madeUpDesign(), valuesOf([]), valuesOf(after));
    const family = familyOf([tested, none, difference()]);
    expect(family.strictest).toBe(0.025);
    expect(family.adjusted(tested)).toBeCloseTo(2 * tested.test!.p!, 14);
    expect(family.adjusted(none)).toBeNull();
    expect(detectableEffect(10, family.strictest)).toBeGreaterThan(detectableEffect(10, 0.05));
  });
});
