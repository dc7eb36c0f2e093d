import type { ErrorBySteps } from './record.ts';

/** Errors of a record, by the names of the metrics that they are. */
export const measures = ['nRMSE', 'RMSE'] as const;
export type Measure = (typeof measures)[number];

/** Makes one value for each measure. */
export const byMeasure = <T>(of: (measure: Measure) => T): Record<Measure, T> => ({
  nRMSE: of('nRMSE'),
  RMSE: of('RMSE'),
});

/** A number as the record has it: five digits, null where it is not finite. */
export const rounded = (value: number): number | null => (Number.isFinite(value) ? Number(value.toPrecision(5)) : null);

/** An error of all samples so far, by step and channel. */
export interface ErrorSum {
  /**
   * Adds a sample.
   * @param errors `[steps, channels]`
   * @returns their mean.
   */
  add(errors: Float64Array): number;
  /** The error of every sample, in order. */
  readonly ofSamples: readonly number[];
  /** At these steps, counted from 0: the mean over channels of the mean over samples, as the metrics have it. */
  bySteps(kept: readonly number[]): ErrorBySteps;
  ofChannel(channel: number, kept: readonly number[]): (number | null)[];
}

export function sumErrors(steps: number, channels: number): ErrorSum {
  const totals = new Float64Array(steps * channels);
  const lowest = new Float64Array(steps).fill(Number.POSITIVE_INFINITY);
  const highest = new Float64Array(steps).fill(Number.NEGATIVE_INFINITY);
  const ofSamples: number[] = [];
  const sumOf = (values: Float64Array, step: number) =>
    values.subarray(step * channels, (step + 1) * channels).reduce((sum, value) => sum + value, 0);
  return {
    ofSamples,
    add(errors) {
      let total = 0;
      for (let step = 0; step < steps; step++) {
        const sum = sumOf(errors, step);
        lowest[step] = Math.min(lowest[step]!, sum / channels);
        highest[step] = Math.max(highest[step]!, sum / channels);
        total += sum;
      }
      for (const [place, error] of errors.entries()) totals[place]! += error;
      ofSamples.push(total / errors.length);
      return total / errors.length;
    },
    bySteps: (kept) => ({
      mean: kept.map((step) => rounded(sumOf(totals, step) / channels / ofSamples.length)),
      lowest: kept.map((step) => rounded(lowest[step]!)),
      highest: kept.map((step) => rounded(highest[step]!)),
    }),
    ofChannel: (channel, kept) => kept.map((step) => rounded(totals[step * channels + channel]! / ofSamples.length)),
  };
}

/**
 * Root mean square errors over space of one sample, `[steps, channels]`.
 * @param predicted `[points, steps, channels]`, and so is `target`
 * @returns also whether a target is zero everywhere, by which nRMSE divides
 */
export function errorsOfSample(
  predicted: Float32Array,
  target: Float32Array,
  { points, size }: { readonly points: number; readonly size: number },
): Record<Measure, Float64Array> & { readonly hasBlankTarget: boolean } {
  const [error, norm] = [new Float64Array(size), new Float64Array(size)];
  for (let point = 0, from = 0; point < points; point++) {
    for (let place = 0; place < size; place++, from++) {
      const truth = target[from]!;
      error[place]! += (predicted[from]! - truth) ** 2;
      norm[place]! += truth ** 2;
    }
  }
  const RMSE = error.map((sum) => Math.sqrt(sum / points));
  const nRMSE = RMSE.map((value, place) => value / Math.sqrt(norm[place]! / points));
  return { RMSE, nRMSE, hasBlankTarget: norm.includes(0) };
}
