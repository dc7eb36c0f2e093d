import { randomFor } from '../random.ts';
import type { Interval } from './paired.ts';

const resamples = 10_000;

/**
 * The 95 % percentile interval of a mean by resampling the values with replacement, 10,000 times (Efron, 1979; percentiles interpolated between the two
 * nearest means, as numpy does). The same values and seed give the same bits. Null for fewer than two values.
 *
 * Of pairs, it is handed their differences. Where a change is told in per cent, both ends are divided by the mean of the reference as it was seen, not as it
 * was resampled: Student's interval does the same, so that the two differ in nothing but what they assume of the differences.
 */
export function bootstrapInterval(values: readonly number[], seed: number): Interval | null {
  const { length } = values;
  if (length < 2) return null;
  const random = randomFor(seed, 'bootstrap');
  const means = new Float64Array(resamples);
  for (let sample = 0; sample < resamples; sample++) {
    let sum = 0;
    for (let draw = 0; draw < length; draw++) sum += values[Math.floor(length * random.uniform())]!;
    means[sample] = sum / length;
  }
  means.sort();
  return [quantile(means, 0.025), quantile(means, 0.975)];
}

/** A quantile of values in ascending order, interpolated between neighbours. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  return low + (place - below) * ((sorted[below + 1] ?? low) - low);
}
