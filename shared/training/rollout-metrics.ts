import { checkTimeSteps, timeSteps } from './batches.ts';
import { beginMetrics } from './metrics/registry.ts';
import { type PredictionRequest, predictEach } from './predict.ts';

/**
 * Every metric that applies of the roll-outs of all trajectories. Only one batch is in memory at a time.
 * @throws UserError when the trajectories are too short for window and roll-out.
 */
export async function rolloutMetrics(request: PredictionRequest): Promise<Record<string, number>> {
  const { data, window, rolloutSteps } = request;
  checkTimeSteps(data, window, rolloutSteps);
  const meter = beginMetrics([...data.shape.slice(0, -2), rolloutSteps, data.shape.at(-1)!]);
  await predictEach(request, ({ predicted, given }) =>
    meter.add(predicted.data, timeSteps(given.values, window, rolloutSteps).data),
  );
  return meter.values();
}
