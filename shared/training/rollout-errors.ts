/** Errors of roll-outs by time step, of pieces that come one after the other. */
import { timeSteps } from './batches.ts';
import { mean } from './metrics/metric.ts';
import { averaged, beginMetrics, type MetricMeter } from './metrics/registry.ts';
import type { PredictedPiece } from './predict.ts';

/** The metrics that are told by time step. */
export const toldBySteps = ['nRMSE', 'RMSE'] as const;

/** Errors of predictions, where the true fields are known. */
export interface RolloutErrors {
  /** Every metric that applies, averaged over channels and steps, as a run's validation has them. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The errors by predicted step, averaged over channels. */
  readonly bySteps: Readonly<Record<(typeof toldBySteps)[number], readonly number[]>>;
}

/**
 * Compares pieces with the true steps that their data have; steps beyond are left out.
 * @param shape `[..., ...space, time, channels]` of the data
 * @param window time steps before the first predicted one
 */
export function beginErrors(
  shape: readonly number[],
  window: number,
): { add(piece: PredictedPiece): void; values(): RolloutErrors | undefined } {
  const truth = shape.at(-2)! - window;
  /** The meters of pieces, by the first step of a piece. */
  const meters = new Map<number, MetricMeter>();
  return {
    add({ first, steps, predicted, given }) {
      const known = Math.min(steps, truth - first);
      if (known <= 0) return;
      const sizes = [...predicted.shape.slice(0, -2), known, predicted.shape.at(-1)!];
      const meter = meters.get(first) ?? beginMetrics(sizes);
      meters.set(first, meter);
      meter.add(timeSteps(predicted, 0, known).data, timeSteps(given.values, window + first, known).data);
    },
    values() {
      const [head, ...others] = [...meters].toSorted(([a], [b]) => a - b).map(([, meter]) => meter.frames());
      if (!head) return undefined;
      const frames = Object.fromEntries(
        Object.entries(head).map(([name, channels]) => [
          name,
          channels.map((values, channel) => [...values, ...others.flatMap((each) => each[name]![channel]!)]),
        ]),
      );
      const bySteps = (name: string) => {
        const channels = frames[name]!;
        return channels[0]!.map((_, step) => mean(channels.map((values) => values[step]!)));
      };
      return { metrics: averaged(frames), bySteps: { nRMSE: bySteps('nRMSE'), RMSE: bySteps('RMSE') } };
    },
  };
}
