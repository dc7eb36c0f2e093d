/** The error metrics of PDEBench (Takamoto et al., NeurIPS 2022), in float64. */
import { elementCount, formatShape } from '../../tensors/tensor.ts';
import { brmse } from './brmse.ts';
import { crmse } from './crmse.ts';
import { frmseHigh, frmseLow, frmseMiddle } from './frmse.ts';
import { maxError } from './max-error.ts';
import { frameOf, type Metric, type MetricOptions, mean } from './metric.ts';
import { nrmse } from './nrmse.ts';
import { rmse } from './rmse.ts';

/** Every metric, by the name the run file and the reports use. */
export const metrics = {
  nRMSE: nrmse,
  RMSE: rmse,
  cRMSE: crmse,
  maxError,
  bRMSE: brmse,
  fRMSELow: frmseLow,
  fRMSEMiddle: frmseMiddle,
  fRMSEHigh: frmseHigh,
} as const satisfies Record<string, Metric>;

/** Every metric that applies, on its way: samples are added batch by batch. */
export interface MetricMeter {
  /** Fields `[batch, ...space, time, channels]`, row-major. */
  add(predictions: Float32Array, targets: Float32Array): void;
  /** Averaged over channels and times. */
  values(): Record<string, number>;
  /** The value of each channel at each time, `[channels][times]`, by metric. */
  frames(): Record<string, number[][]>;
}

/** @param shape `[..., ...space, time, channels]` of what will be added; how many samples there are does not matter. */
export function beginMetrics(shape: readonly number[], options: MetricOptions = {}): MetricMeter {
  const space = shape.slice(1, -2);
  const [times, channels] = shape.slice(-2) as [number, number];
  const size = elementCount(shape.slice(1));
  const applying = Object.values<Metric>(metrics).filter((metric) => metric.applies?.(space, options) ?? true);
  const begun = Array.from({ length: channels * times }, (_, place) => ({
    channel: Math.floor(place / times),
    time: place % times,
    sums: applying.map((metric) => metric.begin(space, options)),
  }));
  const frames = () =>
    Object.fromEntries(
      applying.map(({ name }, index) => [
        name,
        Array.from({ length: channels }, (_, channel) =>
          begun.slice(channel * times, (channel + 1) * times).map(({ sums }) => sums[index]!.value()),
        ),
      ]),
    );
  return {
    add(predictions, targets) {
      for (let sample = 0; sample < predictions.length / size; sample++) {
        for (const { channel, time, sums } of begun) {
          const at = { sample, time, channel };
          const target = frameOf(targets, shape, at);
          const error = frameOf(predictions, shape, at);
          for (let point = 0; point < error.length; point++) error[point] = error[point]! - target[point]!;
          for (const sum of sums) sum.add(error, target);
        }
      }
    },
    values: () => averaged(frames()),
    frames,
  };
}

/** Metrics of each channel at each time `[channels][times]`, averaged over both. */
export const averaged = (frames: Readonly<Record<string, readonly (readonly number[])[]>>): Record<string, number> =>
  Object.fromEntries(Object.entries(frames).map(([name, values]) => [name, mean(values.flat())]));

/**
 * Every metric that applies, averaged over channels and times, of fields `[batch, ...space, time, channels]` that hold
 * predicted frames only (the published evaluation also counts the copied input frames, whose error is 0).
 */
export function pdeMetrics(
  predictions: Float32Array,
  targets: Float32Array,
  shape: readonly number[],
  options: MetricOptions = {},
): Record<string, number> {
  const size = elementCount(shape);
  if (size === 0 || predictions.length !== size || targets.length !== size) {
    throw new Error(`${predictions.length} predictions, ${targets.length} targets for shape ${formatShape(shape)}`);
  }
  const meter = beginMetrics(shape, options);
  meter.add(predictions, targets);
  return meter.values();
}
