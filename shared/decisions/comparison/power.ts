/** What the seeds of a comparison could have shown, and how many more would decide. */
import { detectableEffect, pairsToDecide } from '../../core/statistics/power.ts';
import type { Contest, Verdict } from './contest.ts';
import type { ComparisonDesign } from './design.ts';
import { type Family, inUnit } from './difference.ts';

/** More seeds than these are never proposed. */
export const mostSeeds = 200;

/** The smallest true change that the test would have found with a chance of 80 %, in the unit; null where there was no test. */
export function detectableChange(
  { unit }: ComparisonDesign,
  { difference: { test, means } }: Contest,
  { strictest }: Family,
): number | null {
  return test && inUnit(detectableEffect(test.pairs, strictest) * test.standardDeviation, means!.first, unit);
}

/** Further seeds that would show what was seen with a chance of 80 %, were it true; null where chance is not what is in the way, or too many would be needed. */
export function seedsToDecide(
  { difference: { test } }: Contest,
  { because }: Verdict,
  { strictest }: Family,
): number | null {
  const needed = test && because === 'chance' ? pairsToDecide(test, { level: strictest, most: mostSeeds }) : null;
  return needed === null ? null : Math.max(1, needed - test!.pairs);
}
