import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bootstrapInterval } from '../../../shared/core/statistics/bootstrap.ts';
import { equivalenceP } from '../../../shared/core/statistics/equivalence.ts';
import { holm } from '../../../shared/core/statistics/holm.ts';
import { intervalOfMean, pairedTest } from '../../../shared/core/statistics/paired.ts';
import { detectableEffect, pairedPower, pairsToDecide } from '../../../shared/core/statistics/power.ts';
import { mean, standardDeviation } from '../../../shared/core/statistics/sample.ts';
import { criticalT, twoSidedP } from '../../../shared/core/statistics/student.ts';

interface Expected {
  readonly cdf: readonly [t: number, freedom: number, p: number][];
  readonly quantile: readonly [p: number, freedom: number, t: number][];
  readonly paired: readonly { first: number[]; second: number[]; p: number; interval: [number, number] }[];
  readonly holm: readonly { p: number[]; adjusted: number[] }[];
  readonly equivalence: readonly { differences: number[]; bound: number; p: number; interval: [number, number] }[];
  readonly bootstrap: readonly { values: number[]; interval: [number, number]; error: [number, number] }[];
  readonly power: readonly [effect: number, pairs: number, level: number, power: number][];
  readonly detectable: readonly [pairs: number, level: number, effect: number][];
}
const expected: Expected = JSON.parse(
  readFileSync(new URL('../../fixtures/statistics/expected.json', import.meta.url), 'utf8'),
);

/** The largest error of a table's rows, each relative to what is expected but to no less than `floor`. */
function worst<Row>(rows: readonly Row[], of: (row: Row) => readonly [number, number], floor = 1e-300): number {
  expect(rows.length).toBeGreaterThan(0);
  return Math.max(
    ...rows.map((row) => {
      const [actual, wanted] = of(row);
      return Math.abs(actual - wanted) / Math.max(Math.abs(wanted), floor);
    }),
  );
}

describe("Student's distribution", () => {
  it('has the probabilities that scipy has, tails included', () => {
    const below = expected.cdf.filter(([t]) => t <= 0);
    expect(worst(below, ([t, freedom, p]) => [twoSidedP(t, freedom), 2 * p])).toBeLessThan(1e-11);
    expect(twoSidedP(3, 7)).toBe(twoSidedP(-3, 7));
  });
  it('has the quantiles that scipy has', () => {
    const below = expected.quantile.filter(([p]) => p < 0.5);
    expect(worst(below, ([p, freedom, t]) => [criticalT(2 * p, freedom), -t])).toBeLessThan(1e-10);
  });
});

describe('a paired test', () => {
  it('has the p value and the interval that scipy has', () => {
    const tests = expected.paired.map((row) => ({ row, test: pairedTest(row.first, row.second) }));
    expect(worst(tests, ({ row, test }) => [test.p!, row.p])).toBeLessThan(1e-10);
    for (const end of [0, 1] as const) {
      expect(worst(tests, ({ row, test }) => [test.interval![end], row.interval[end]])).toBeLessThan(1e-10);
    }
  });
  it('has the interval of a mean of values that Student has', () => {
    // Values 1, 2, 3: t = 4.302653 with 2 degrees of freedom.
    const [low, high] = intervalOfMean([1, 2, 3])!;
    expect(high - 2).toBeCloseTo(4.30265273 / Math.sqrt(3), 8);
    expect(2 - low).toBeCloseTo(high - 2, 12);
    expect(intervalOfMean([1])).toBeNull();
  });
  it('says nothing of a single pair', () => {
    expect(pairedTest([1], [2])).toMatchObject({ interval: null, p: null, meanDifference: 1 });
  });
  it('of differences that are all the same has the chance that their signs agree', () => {
    expect(pairedTest([1, 2, 3], [2, 3, 4])).toMatchObject({ p: 0.25, interval: [1, 1], standardDeviation: 0 });
    expect(pairedTest([0.1, 0.2, 0.3], [0.4, 0.5, 0.6]).p).toBe(0.25);
    expect(pairedTest([1, 2, 3], [1, 2, 3])).toMatchObject({ p: 1, interval: [0, 0] });
  });
  const pairs = fc.array(fc.tuple(fc.integer({ min: -999, max: 999 }), fc.integer({ min: -999, max: 999 })), {
    minLength: 3,
    maxLength: 20,
  });
  it('changes its sign where the two change places, and scales with the values', () => {
    fc.assert(
      fc.property(pairs, fc.constantFrom(0.125, 2, 1024), (drawn, factor) => {
        const [first, second] = [drawn.map(([a]) => a), drawn.map(([, b]) => b)];
        const test = pairedTest(first, second);
        const swapped = pairedTest(second, first);
        expect(swapped.meanDifference + test.meanDifference).toBeCloseTo(0, 9);
        expect(swapped.p).toBeCloseTo(test.p!, 9);
        expect(swapped.interval![0]).toBeCloseTo(-test.interval![1], 6);
        const scaled = pairedTest(
          first.map((value) => factor * value),
          second.map((value) => factor * value),
        );
        expect(scaled.p).toBe(test.p);
        expect(scaled.interval).toEqual(test.interval!.map((end) => factor * end));
      }),
    );
  });
  it('takes its spread as that of a sample', () => {
    expect(standardDeviation([1, 3])).toBe(Math.SQRT2);
    expect(standardDeviation([1])).toBeNaN();
    expect(mean([1, 2, 3, 6])).toBe(3);
  });
});

describe('two one-sided tests', () => {
  const test = (differences: readonly number[]) => pairedTest(new Array(differences.length).fill(0), differences);
  it('have the p value that scipy has', () => {
    const errors = worst(expected.equivalence, ({ differences, bound, p }) => [
      equivalenceP(test(differences), bound)!,
      p,
    ]);
    expect(errors).toBeLessThan(1e-10);
  });
  it('hold where the 90 % interval lies within the bounds, and not else', () => {
    for (const { differences, bound, interval } of expected.equivalence) {
      const own = intervalOfMean(differences, 0.1)!;
      for (const end of [0, 1] as const) expect(own[end]).toBeCloseTo(interval[end], 10);
      expect(equivalenceP(test(differences), bound)! <= 0.05).toBe(own[0] >= -bound && own[1] <= bound);
    }
  });
  it('say nothing of differences without a spread', () => {
    expect(equivalenceP(test([1, 1, 1]), 2)).toBeNull();
    expect(equivalenceP(test([1]), 2)).toBeNull();
  });
});

describe('the bootstrap interval of a mean', () => {
  it('is that of scipy but for the error that 10,000 resamples leave', () => {
    for (const { values, interval, error } of expected.bootstrap) {
      const own = bootstrapInterval(values, 7)!;
      for (const end of [0, 1] as const) expect(Math.abs(own[end] - interval[end])).toBeLessThan(4 * error[end]);
    }
  });
  const { values } = expected.bootstrap.at(-1)!;
  it('is the same for the same values and seed, and another for another seed', () => {
    expect(bootstrapInterval(values, 7)).toEqual(bootstrapInterval(values, 7));
    expect(bootstrapInterval(values, 8)).not.toEqual(bootstrapInterval(values, 7));
  });
  it('shifts and scales with the values', () => {
    const own = bootstrapInterval(values, 7)!;
    const moved = bootstrapInterval(
      values.map((value) => 4 * value - 2),
      7,
    )!;
    for (const end of [0, 1] as const) expect(moved[end]).toBeCloseTo(4 * own[end] - 2, 10);
  });
  it('is none of a single value', () => {
    expect(bootstrapInterval([1], 7)).toBeNull();
  });
});

describe("Holm's adjustment", () => {
  it('is that of the fixtures', () => {
    for (const { p, adjusted } of expected.holm) {
      for (const [index, value] of holm(p).entries()) expect(value).toBeCloseTo(adjusted[index]!, 14);
    }
    expect(holm([])).toEqual([]);
  });
});

describe('power', () => {
  it('of the t-test is what the noncentral t distribution has', () => {
    expect(worst(expected.power, ([e, n, level, p]) => [pairedPower(e, n, level), p], 1)).toBeLessThan(1e-8);
  });
  it('of 80 % needs the effect that scipy finds', () => {
    expect(worst(expected.detectable, ([n, level, effect]) => [detectableEffect(n, level), effect])).toBeLessThan(1e-7);
  });
});

describe('the number of pairs that would decide', () => {
  const seen = { meanDifference: 0.5, standardDeviation: 1 };
  it('is the smallest with a power of 80 %', () => {
    // 34: the textbook number for an effect of half a standard deviation at 5 %.
    expect(pairsToDecide(seen, { level: 0.05, most: 1000 })).toBe(34);
    expect(pairedPower(0.5, 33, 0.05)).toBeLessThan(0.8);
  });
  it('is none where the most that there may be would not do', () => {
    expect(pairsToDecide(seen, { level: 0.05, most: 33 })).toBeNull();
  });
});
