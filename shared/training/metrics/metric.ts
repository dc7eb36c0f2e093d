import { elementCount } from '../../tensors/tensor.ts';

/** Predicted and true fields `[batch, ...space, time, channels]`, row-major, of one shape; predicted frames only. */
interface FieldPair {
  readonly predictions: Float32Array;
  readonly targets: Float32Array;
  readonly shape: readonly number[];
}

/** What some metrics need besides the fields. */
export interface MetricOptions {
  /** Lengths of the domain along the space axes; 1 where not given. */
  readonly lengths?: readonly number[];
  /** Wave numbers at which the middle band of fRMSE begins and the high band begins. */
  readonly bands?: { readonly middle: number; readonly high: number };
}

/** One channel at one time. */
export interface Frame {
  /** Points along each space axis. */
  readonly space: readonly number[];
  /** Prediction minus target, `[batch][points]`. */
  readonly errors: readonly Float64Array[];
  /** `[batch][points]` */
  readonly targets: readonly Float64Array[];
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
  /** Of one channel at one time, over the whole batch. */
  compute(frame: Frame, options: MetricOptions): number;
}

/** Cuts a pair into its frames, channel by channel and time by time. */
export function framesOf({ predictions, targets, shape }: FieldPair): Frame[][] {
  const [batch, ...others] = shape;
  const [time, channels] = others.slice(-2);
  const space = others.slice(0, -2);
  const points = elementCount(space);
  const frame = (channel: number, step: number): Frame => {
    const errors: Float64Array[] = [];
    const truths: Float64Array[] = [];
    for (let sample = 0; sample < batch!; sample++) {
      const error = new Float64Array(points);
      const truth = new Float64Array(points);
      for (let point = 0; point < points; point++) {
        const index = ((sample * points + point) * time! + step) * channels! + channel;
        truth[point] = targets[index]!;
        error[point] = predictions[index]! - targets[index]!;
      }
      errors.push(error);
      truths.push(truth);
    }
    return { space, errors, targets: truths };
  };
  return Array.from({ length: channels! }, (_, channel) =>
    Array.from({ length: time! }, (_, step) => frame(channel, step)),
  );
}

/** Arithmetic mean; NaN of nothing. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index]!;
  return sum / values.length;
}

/** Square root of the mean square. */
export function rootMeanSquare(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index]! ** 2;
  return Math.sqrt(sum / values.length);
}
