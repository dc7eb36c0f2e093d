import { setImmediate } from 'node:timers/promises';
import type { Trajectories } from '../datasets/trajectories.ts';
import type { Engine, Step } from '../engines/engine.ts';
import type { FieldModel } from '../models/model.ts';
import { elementCount, type HostTensor, type HostTensors } from '../tensors/tensor.ts';
import { batchOf, checkTimeSteps, gridOf, inBatches, type SampleBatch, timeSteps } from './batches.ts';
import { predictRollout } from './objectives/rollout.ts';

export interface PredictionRequest {
  readonly engine: Engine;
  readonly model: FieldModel;
  readonly parameters: HostTensors;
  readonly data: Trajectories;
  /** Time steps that are given. */
  readonly window: number;
  /** Time steps that are predicted. */
  readonly rolloutSteps: number;
  readonly batchSize: number;
}

/** The coordinates, beside the parameters: no parameter has such a name. */
const gridName = '/grid';

const latest = new WeakMap<FieldModel, { rolloutSteps: number; step: Step }>();

/** The roll-out of a batch, as the same function object for the same arguments. */
function predictionStep(model: FieldModel, rolloutSteps: number): Step {
  const before = latest.get(model);
  if (before?.rolloutSteps === rolloutSteps) return before.step;
  const step: Step = (tf, { fixed: { [gridName]: grid, ...parameters }, inputs: { past, statics } }) => ({
    results: { predicted: predictRollout(tf, model, parameters, { past, statics }, grid!, rolloutSteps) },
  });
  latest.set(model, { rolloutSteps, step });
  return step;
}

/** Some trajectories that were rolled out. */
export interface PredictedBatch {
  /** Positions of the samples. */
  readonly samples: readonly number[];
  /** `[samples, ...space, rolloutSteps, channels]` */
  readonly predicted: HostTensor;
  /** The samples as they are in the data, all their time steps. */
  readonly given: SampleBatch;
}

/**
 * Rolls trajectories out from their first `window` steps, batch by batch; only one batch is in memory at a time.
 * @param use is given each batch, in the order of the samples.
 * @throws UserError when the trajectories are too short for the window.
 */
export async function predictEach(
  request: PredictionRequest,
  use: (batch: PredictedBatch) => void | Promise<void>,
): Promise<void> {
  const { engine, model, data, window, rolloutSteps, batchSize } = request;
  checkTimeSteps(data, window, 0);
  const loop = await engine.loop(predictionStep(model, rolloutSteps), {
    fixed: new Map([[gridName, gridOf(data)], ...request.parameters]),
    carried: new Map(),
  });
  try {
    for (const samples of inBatches([...Array(data.shape[0]!).keys()], batchSize)) {
      const given = await batchOf(data, samples);
      const inputs = new Map([
        ...(window > 0 ? [['past', timeSteps(given.values, 0, window)] as const] : []),
        ...(given.statics ? [['statics', given.statics] as const] : []),
      ]);
      const results = await loop.run(inputs);
      await use({ samples, predicted: results.get('predicted')!, given });
      await setImmediate();
    }
  } finally {
    await loop.close();
  }
}

/**
 * Roll-out of every trajectory from its first `window` steps: `[samples, ...space, rolloutSteps, channels]`.
 * @throws UserError when the trajectories are too short for the window.
 */
export async function predictAll(request: PredictionRequest): Promise<HostTensor> {
  const { data, rolloutSteps } = request;
  const shape = [data.shape[0]!, ...data.shape.slice(1, -2), rolloutSteps, data.shape.at(-1)!];
  const values = new Float32Array(elementCount(shape));
  let written = 0;
  await predictEach(request, ({ predicted }) => {
    values.set(predicted.data, written);
    written += predicted.data.length;
  });
  return { shape, data: values };
}
