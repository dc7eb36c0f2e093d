import type { PairedTest } from './paired.ts';
import { twoSidedP } from './student.ts';

/**
 * p value of the two one-sided paired t-tests that the true mean difference lies within ±`bound` (Schuirmann, Journal of Pharmacokinetics and
 * Biopharmaceutics 15, 1987): the larger of that against "at most -bound" and that against "at least bound". It is at most 0.05 where the 90 % interval of
 * the mean difference lies within ±bound. Null where the differences have no spread, or there are fewer than two.
 */
export function equivalenceP(
  { pairs, meanDifference, standardDeviation }: Pick<PairedTest, 'pairs' | 'meanDifference' | 'standardDeviation'>,
  bound: number,
): number | null {
  if (!(standardDeviation > 0)) return null;
  const standardError = standardDeviation / Math.sqrt(pairs);
  return upperTail((bound - Math.abs(meanDifference)) / standardError, pairs - 1);
}

/** Probability that T is at least t. */
function upperTail(t: number, degreesOfFreedom: number): number {
  const half = twoSidedP(t, degreesOfFreedom) / 2;
  return t > 0 ? half : 1 - half;
}
