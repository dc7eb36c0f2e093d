/** The error metrics of PDEBench (Takamoto et al., NeurIPS 2022), in float64. */
import { elementCount, formatShape } from '../../tensors/tensor.ts';
import { brmse } from './brmse.ts';
import { crmse } from './crmse.ts';
import { frmseHigh, frmseLow, frmseMiddle } from './frmse.ts';
import { maxError } from './max-error.ts';
import { framesOf, type Metric, type MetricOptions, mean } from './metric.ts';
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
  const frames = framesOf({ predictions, targets, shape }).flat();
  const applying = Object.values<Metric>(metrics).filter(
    (metric) => metric.applies?.(shape.slice(1, -2), options) ?? true,
  );
  return Object.fromEntries(
    applying.map((metric) => [metric.name, mean(frames.map((frame) => metric.compute(frame, options)))]),
  );
}
