import { setImmediate } from 'node:timers/promises';
import type { Trajectories } from '../datasets/trajectories.ts';
import type { Engine, Step } from '../engines/engine.ts';
import type { FieldModel } from '../models/model.ts';
import { elementCount, type HostTensor, type HostTensors } from '../tensors/tensor.ts';
import { batchOf, checkTimeSteps, gridOf, inBatches } from './batches.ts';
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
  const step: Step = (tf, { fixed: { [gridName]: grid, ...parameters }, inputs }) => ({
    results: { predicted: predictRollout(tf, model, parameters, inputs.start!, grid!, rolloutSteps) },
  });
  latest.set(model, { rolloutSteps, step });
  return step;
}

/**
 * Roll-out of every trajectory from its first `window` steps: `[samples, ...space, rolloutSteps, channels]`.
 * @throws UserError when the trajectories are too short for window and roll-out.
 */
export async function predictAll(request: PredictionRequest): Promise<HostTensor> {
  const { engine, model, data, window, rolloutSteps, batchSize } = request;
  checkTimeSteps(data, window, rolloutSteps);
  const samples = data.shape[0]!;
  const shape = [samples, ...data.shape.slice(1, -2), rolloutSteps, data.shape.at(-1)!];
  const values = new Float32Array(elementCount(shape));
  const loop = await engine.loop(predictionStep(model, rolloutSteps), {
    fixed: new Map([[gridName, gridOf(data)], ...request.parameters]),
    carried: new Map(),
  });
  let written = 0;
  try {
    for (const batch of inBatches([...Array(samples).keys()], batchSize)) {
      const results = await loop.run(new Map([['start', batchOf(data, batch, window)]]));
      const predicted = results.get('predicted')!.data;
      values.set(predicted, written);
      written += predicted.length;
      await setImmediate();
    }
  } finally {
    await loop.close();
  }
  return { shape, data: values };
}
