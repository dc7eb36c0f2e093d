/** The power of the paired t-test: which differences a number of pairs can show. */
import type { PairedTest } from './paired.ts';
import { criticalT } from './student.ts';

/** The power that is asked for: the chance that a true effect is found. */
const wantedPower = 0.8;

/** Probability that a standard normal number is at most x: a series near 0 (Marsaglia, 2004), Mills' continued fraction in the tails. */
function normalCdf(x: number): number {
  const size = Math.abs(x);
  if (size > 39) return x > 0 ? 1 : 0;
  const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
  if (size < 3) {
    let [sum, term] = [x, x];
    for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) {
      term *= (x * x) / k;
      sum += term;
    }
    return 0.5 + density * sum;
  }
  let fraction = size;
  for (let k = 60; k >= 1; k--) fraction = size + k / fraction;
  return x > 0 ? 1 - density / fraction : density / fraction;
}

/**
 * Mean of `chance(s)` where s is the standard deviation of a sample over the true one, that is s = √(χ²_ν / ν). The density of ln s vanishes at both
 * ends, so that the trapezoidal rule is exact to about 1e-10 with these points.
 */
function overSpreads(degreesOfFreedom: number, chance: (ratio: number) => number): number {
  const nu = degreesOfFreedom;
  // Outside of these the density of ln s, which goes with exp(ν (u + ½ - exp(2 u) / 2)), is below 1e-14 of its highest.
  const low = -32 / nu - 6 / Math.sqrt(nu);
  const high = Math.min(2.2, 6 / Math.sqrt(nu));
  const points = nu < 4 ? 500 : 120;
  let [sum, weights] = [0, 0];
  for (let point = 0; point <= points; point++) {
    const u = low + ((high - low) * point) / points;
    const ratio = Math.exp(u);
    const weight = Math.exp(nu * (u + 0.5 - 0.5 * ratio * ratio));
    if (weight < 1e-16) continue;
    weights += weight;
    sum += weight * chance(ratio);
  }
  return sum / weights;
}

/**
 * Power of the two-sided paired t-test: the chance that |T| exceeds its critical value, T being noncentral with n - 1 degrees of freedom and
 * noncentrality effect · √n. Integrated over the distribution of the standard deviation; held to scipy's `nct` within 1e-8.
 * @param effect true mean difference over true standard deviation of the differences
 * @param level of the test, 0.05 for one test
 */
export function pairedPower(effect: number, pairs: number, level: number): number {
  const critical = criticalT(level, pairs - 1);
  return powerAt(Math.abs(effect), pairs, critical);
}

function powerAt(effect: number, pairs: number, critical: number): number {
  const shift = effect * Math.sqrt(pairs);
  return overSpreads(pairs - 1, (s) => normalCdf(shift - critical * s) + normalCdf(-shift - critical * s));
}

/** The true effect, over the standard deviation of the differences, that the test finds with a chance of 80 %. */
export function detectableEffect(pairs: number, level: number): number {
  const critical = criticalT(level, pairs - 1);
  let [low, high] = [0, 1];
  while (powerAt(high, pairs, critical) < wantedPower) [low, high] = [high, 2 * high];
  while (high - low > 1e-9 * high) {
    const middle = (low + high) / 2;
    if (powerAt(middle, pairs, critical) < wantedPower) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * The smallest number of pairs with which the t-test would find what was seen with a chance of 80 %, were mean and standard deviation of the
 * differences the true ones. Null where `most` pairs would not do.
 */
export function pairsToDecide(
  { meanDifference, standardDeviation }: Pick<PairedTest, 'meanDifference' | 'standardDeviation'>,
  { level, most }: { level: number; most: number },
): number | null {
  const decides = (pairs: number) => pairedPower(meanDifference / standardDeviation, pairs, level) >= wantedPower;
  if (!decides(most)) return null;
  // The power grows with the number of pairs.
  let [low, high] = [1, most];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (decides(middle)) high = middle;
    else low = middle;
  }
  return high;
}
