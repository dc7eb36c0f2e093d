import { elementCount } from '../../tensors/tensor.ts';

/** Inputs that some metrics need besides the fields. */
export interface MetricOptions {
  /** Lengths of the domain along the space axes; 1 where not given. */
  readonly lengths?: readonly number[];
  /** Wave numbers at which the middle band of fRMSE begins and the high band begins. */
  readonly bands?: { readonly middle: number; readonly high: number };
}

/** A metric of one channel at one time, on its way: samples are added one by one. */
export interface MetricSum {
  /**
   * @param error prediction minus target, `[points]`
   * @param target `[points]`
   */
  add(error: Float64Array, target: Float64Array): void;
  /** Over the samples that were added; NaN of none. */
  value(): number;
}

/** An error metric: one file, one line in the registry. */
export interface Metric {
  readonly name: string;
  readonly direction: 'lower' | 'higher';
  readonly describe: string;
  /** Whether it divides by the norm of each target, so that a target of zeros makes it infinite or no number. */
  readonly dividesByTarget?: boolean;
  /** Whether it means anything on such a grid; absent: on any. */
  applies?(space: readonly number[], options: MetricOptions): boolean;
  /** Of one channel at one time, on a grid of so many points along each axis; no sample is added yet. */
  begin(space: readonly number[], options: MetricOptions): MetricSum;
}

/** The mean over samples of a number that each has. */
export function meanOver(of: (error: Float64Array, target: Float64Array) => number): MetricSum {
  let [sum, count] = [0, 0];
  return {
    add(error, target) {
      sum += of(error, target);
      count++;
    },
    value: () => sum / count,
  };
}

/** Fields `[batch, ...space, time, channels]`, row-major: one channel of a sample at one time, as `[points]` in float64. */
export function frameOf(
  fields: Float32Array,
  shape: readonly number[],
  at: { readonly sample: number; readonly time: number; readonly channel: number },
): Float64Array {
  const [times, channels] = shape.slice(-2) as [number, number];
  const points = elementCount(shape.slice(1, -2));
  const frame = new Float64Array(points);
  let from = (at.sample * points * times + at.time) * channels + at.channel;
  for (let point = 0; point < points; point++, from += times * channels) frame[point] = fields[from]!;
  return frame;
}

/** Arithmetic mean; NaN of nothing. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index]!;
  return sum / values.length;
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** A part divided by the whole; 0 where the whole is 0. */
export const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** Square root of the mean square. */
export function rootMeanSquare(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index]! ** 2;
  return Math.sqrt(sum / values.length);
}
