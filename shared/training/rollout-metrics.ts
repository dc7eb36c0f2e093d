import { checkTimeSteps, timeSteps } from './batches.ts';
import { beginMetrics } from './metrics/registry.ts';
import { type PredictionRequest, predictEach } from './predict.ts';
import type { PredictedFields } from './predicted/record.ts';
import { recordFields } from './predicted/recorder.ts';

/**
 * Every metric that applies of the roll-outs of all trajectories, and a record of what was predicted. Only one batch is in memory at a time.
 * @throws UserError when the trajectories are too short for window and roll-out.
 */
export async function evaluateRollouts(
  request: PredictionRequest,
): Promise<{ metrics: Record<string, number>; predictions: PredictedFields }> {
  const { data, window, rolloutSteps } = request;
  checkTimeSteps(data, window, rolloutSteps);
  const meter = beginMetrics([...data.shape.slice(0, -2), rolloutSteps, data.shape.at(-1)!]);
  const recorder = recordFields(data, { window, steps: rolloutSteps });
  await predictEach(request, ({ samples, predicted, given }) => {
    const target = timeSteps(given.values, window, rolloutSteps).data;
    meter.add(predicted.data, target);
    recorder.add({ rows: samples.map((sample) => data.rows[sample]!), predicted: predicted.data, target });
  });
  return { metrics: meter.values(), predictions: recorder.record() };
}

/** The metrics alone. */
export const rolloutMetrics = async (request: PredictionRequest): Promise<Record<string, number>> =>
  (await evaluateRollouts(request)).metrics;
