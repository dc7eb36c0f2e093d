/** Means, and whether the differences of pairs are more than chance. */

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of a sample: with n - 1 below; NaN for fewer than two values. */
export function standardDeviation(values: readonly number[]): number {
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}

/**
 * Probability that |T| is at least |t| where T has Student's distribution with a whole number of degrees of freedom.
 * Exact sums: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
 */
export function twoSidedP(t: number, degreesOfFreedom: number): number {
  const angle = Math.atan(Math.abs(t) / Math.sqrt(degreesOfFreedom));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const odd = degreesOfFreedom % 2 === 1;
  let sum = 0;
  let term = odd ? cosine : 1;
  for (let k = odd ? 3 : 2; k <= degreesOfFreedom; k += 2) {
    sum += term;
    term *= (cosine ** 2 * (k - 1)) / k;
  }
  const within = odd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
  return Math.min(1, Math.max(0, 1 - within));
}

/** Of `second - first`, pair by pair. */
export interface PairedTest {
  readonly pairs: number;
  readonly meanDifference: number;
  readonly standardDeviation: number;
  /** Two-sided p value of the paired t-test; null for fewer than two pairs, and where no pair differs from another. */
  readonly p: number | null;
}

/** Student's t-test for paired samples. */
export function pairedTest(first: readonly number[], second: readonly number[]): PairedTest {
  const differences = first.map((value, index) => second[index]! - value);
  const [meanDifference, spread] = [mean(differences), standardDeviation(differences)];
  const pairs = differences.length;
  const p = spread > 0 ? twoSidedP(meanDifference / (spread / Math.sqrt(pairs)), pairs - 1) : null;
  return { pairs, meanDifference, standardDeviation: spread, p };
}

/** The 95 % interval of the mean by Student's distribution; undefined for fewer than two values. */
export function studentInterval(values: readonly number[]): [number, number] | undefined {
  if (values.length < 2) return undefined;
  const half = (quantile(values.length - 1) * standardDeviation(values)) / Math.sqrt(values.length);
  return [mean(values) - half, mean(values) + half];
}

/** The 95 % interval of the mean difference `second - first` by Student's distribution; undefined for fewer than two pairs. */
export function pairedInterval(first: readonly number[], second: readonly number[]): [number, number] | undefined {
  return studentInterval(first.map((value, index) => second[index]! - value));
}

/** The value that |T| exceeds with a probability of 5 %, by bisection. */
function quantile(degreesOfFreedom: number): number {
  let [low, high] = [0, 1000];
  while (high - low > 1e-12 * high) {
    const middle = (low + high) / 2;
    if (twoSidedP(middle, degreesOfFreedom) > 0.05) low = middle;
    else high = middle;
  }
  return high;
}
