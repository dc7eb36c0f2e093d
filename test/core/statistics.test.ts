import { describe, expect, it } from 'vitest';
import {
  mean,
  pairedInterval,
  pairedTest,
  standardDeviation,
  studentInterval,
  twoSidedP,
} from '../../shared/core/statistics.ts';

describe('twoSidedP', () => {
  // Critical values of Student's distribution at 0.05 and 0.001, as tables have them.
  it.each([
    [1, 12.706, 636.62],
    [2, 4.303, 31.599],
    [3, 3.182, 12.924],
    [4, 2.776, 8.61],
    [5, 2.571, 6.869],
    [9, 2.262, 4.781],
    [10, 2.228, 4.587],
    [30, 2.042, 3.646],
  ])('is what tables say for %d degrees of freedom', (freedom, atFivePercent, atOneInAThousand) => {
    expect(twoSidedP(atFivePercent, freedom)).toBeCloseTo(0.05, 4);
    expect(twoSidedP(-atOneInAThousand, freedom)).toBeCloseTo(0.001, 6);
  });

  it('is 1 at no difference and falls to 0', () => {
    expect(twoSidedP(0, 4)).toBe(1);
    expect(twoSidedP(1e9, 7)).toBeCloseTo(0, 12);
  });
});

describe('pairedTest', () => {
  it('tests the mean of the differences against 0', () => {
    // Differences 1, 2, 3: t = 2 / (1 / sqrt 3), 2 degrees of freedom, p = 1 - t / sqrt(2 + t^2).
    const { meanDifference, standardDeviation: spread, p } = pairedTest([5, 7, 1], [6, 9, 4]);
    expect({ meanDifference, spread }).toEqual({ meanDifference: 2, spread: 1 });
    expect(p).toBeCloseTo(1 - Math.sqrt(12 / 14), 12);
  });

  it('says nothing where no pair differs from another', () => {
    expect(pairedTest([1, 2], [2, 3]).p).toBeNull();
    expect(pairedTest([1], [2]).p).toBeNull();
  });
});

it('spreads are those of a sample', () => {
  expect([mean([1, 2, 3, 6]), standardDeviation([1, 3])]).toEqual([3, Math.SQRT2]);
  expect(standardDeviation([1])).toBeNaN();
});

describe('pairedInterval', () => {
  it('is the mean difference plus and minus what Student has at 5 %', () => {
    // Differences 1, 2, 3: spread 1, t = 4.302653 with 2 degrees of freedom.
    const [low, high] = pairedInterval([5, 7, 1], [6, 9, 4])!;
    expect(high - 2).toBeCloseTo(4.30265273 / Math.sqrt(3), 8);
    expect(2 - low).toBeCloseTo(high - 2, 12);
  });

  it('is none of a single pair, and a point where no pair differs from another', () => {
    expect(pairedInterval([1], [2])).toBeUndefined();
    expect(pairedInterval([1, 2], [2, 3])).toEqual([1, 1]);
  });
});

describe('studentInterval', () => {
  it('is the mean plus and minus what Student has at 5 %, and none of a single value', () => {
    const [low, high] = studentInterval([1, 2, 3])!;
    expect(high - 2).toBeCloseTo(4.30265273 / Math.sqrt(3), 8);
    expect(2 - low).toBeCloseTo(high - 2, 12);
    expect(studentInterval([1])).toBeUndefined();
  });
});
