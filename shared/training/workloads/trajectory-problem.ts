import type { Trajectories } from '../../datasets/trajectories.ts';
import type { FieldModel } from '../../models/model.ts';
import {
  batchInputs,
  batchOf,
  checkTimeSteps,
  gridOf,
  inBatches,
  microBatchSize,
  shuffledBatches,
  stepsPerEpoch,
  timeSteps,
} from '../batches.ts';
import { type RolloutSettings, rolloutObjective } from '../objectives/rollout.ts';
import type { BatchPart, Problem } from '../problem.ts';

/**
 * Roll-outs of trajectories from their first time steps, in batches whose order depends on seed and epoch.
 * @throws UserError when the trajectories are too short for window and roll-out.
 */
export function trajectoryProblem(options: {
  readonly model: FieldModel;
  readonly data: Trajectories;
  /** Time steps that are given. */
  readonly window: number;
  /** Time steps that are predicted, each from the predictions before it. */
  readonly rolloutSteps: number;
  /** Samples per optimizer step. */
  readonly batchSize: number;
  /** Parts that a batch is computed in; 1 where absent. */
  readonly accumulate?: number;
  readonly seed: number;
  /** What is learnt from; absent: the mean squared error of the whole roll-out. */
  readonly learning?: RolloutSettings;
}): Problem {
  const { model, data, window, rolloutSteps, batchSize, accumulate = 1, seed, learning } = options;
  checkTimeSteps(data, window, rolloutSteps);
  const samples = data.shape[0]!;
  const partOf = async (chosen: readonly number[]): Promise<BatchPart> => {
    const batch = await batchOf(data, chosen);
    return { count: chosen.length, inputs: batchInputs(batch, timeSteps(batch.values, 0, window + rolloutSteps)) };
  };
  return {
    objective: rolloutObjective(model, window, learning),
    fixed: new Map([['grid', gridOf(data)]]),
    inParts: accumulate > 1,
    stepsPerEpoch: stepsPerEpoch(samples, batchSize),
    batches: (epoch) =>
      shuffledBatches(samples, batchSize, seed, epoch).map(
        (batch) => () => Promise.all(inBatches(batch, microBatchSize(batchSize, accumulate)).map(partOf)),
      ),
  };
}
