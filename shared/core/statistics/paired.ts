/** Differences of pairs: how large they are, and whether they are more than chance. */
import { mean, standardDeviation } from './sample.ts';
import { criticalT, twoSidedP } from './student.ts';

/** Lower and upper end. */
export type Interval = readonly [low: number, high: number];

/** The differences `second - first` of pairs. */
export interface PairedTest {
  readonly pairs: number;
  readonly meanDifference: number;
  /** Of the differences; 0 where they differ by no more than rounding, NaN for fewer than two pairs. */
  readonly standardDeviation: number;
  /** The 95 % interval of the mean difference; null for fewer than two pairs. */
  readonly interval: Interval | null;
  /** Two-sided p value; null for fewer than two pairs. */
  readonly p: number | null;
}

/** Differences that differ by less than this share of the values differ by rounding alone. */
const rounding = 1e-12;

/**
 * Student's t-test for paired samples: t = m √n / s with n - 1 degrees of freedom, where m and s are mean and standard deviation of the
 * differences. Where all differences are the same, t says nothing: p is then 2^(1 - n), the exact chance that n signs agree, or 1 where no
 * pair differs.
 */
export function pairedTest(first: readonly number[], second: readonly number[]): PairedTest {
  const differences = first.map((value, index) => second[index]! - value);
  const pairs = differences.length;
  const meanDifference = mean(differences);
  const spread = standardDeviation(differences);
  const scale = Math.max(...first.map(Math.abs), ...second.map(Math.abs));
  const isConstant = spread <= rounding * scale;
  const test = { pairs, meanDifference, standardDeviation: isConstant ? 0 : spread };
  if (pairs < 2) return { ...test, interval: null, p: null };
  if (isConstant) {
    const isZero = Math.abs(meanDifference) <= rounding * scale;
    return { ...test, interval: [meanDifference, meanDifference], p: isZero ? 1 : 2 ** (1 - pairs) };
  }
  const p = twoSidedP(meanDifference / (spread / Math.sqrt(pairs)), pairs - 1);
  return { ...test, interval: intervalOfMean(differences), p };
}

/** The 95 % interval of a mean by Student's distribution, m ± t s / √n, or the one that leaves out another share; null for fewer than two values. */
export function intervalOfMean(values: readonly number[], leavesOut = 0.05): Interval | null {
  const { length } = values;
  if (length < 2) return null;
  const half = (criticalT(leavesOut, length - 1) * standardDeviation(values)) / Math.sqrt(length);
  return [mean(values) - half, mean(values) + half];
}
