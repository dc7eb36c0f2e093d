import { setImmediate } from 'node:timers/promises';
import type { Trajectories } from '../datasets/trajectories.ts';
import type { Engine } from '../engines/engine.ts';
import type { FieldModel } from '../models/model.ts';
import { elementCount, type HostTensor, type HostTensors } from '../tensors/tensor.ts';
import { batchTensor, checkTimeSteps, gridTensor, inBatches } from './batches.ts';
import { predictRollout } from './objectives/rollout.ts';
import { toEngine } from './transfer.ts';

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

/**
 * Roll-out of every trajectory from its first `window` steps: `[samples, ...space, rolloutSteps, channels]`.
 * @throws UserError when the trajectories are too short for window and roll-out.
 */
export async function predictAll(request: PredictionRequest): Promise<HostTensor> {
  const { engine, model, data, window, rolloutSteps, batchSize } = request;
  const { tf } = engine;
  checkTimeSteps(data, window, rolloutSteps);
  const samples = data.shape[0]!;
  const shape = [samples, ...data.shape.slice(1, -2), rolloutSteps, data.shape.at(-1)!];
  const values = new Float32Array(elementCount(shape));
  const parameters = toEngine(tf, request.parameters);
  const grid = gridTensor(tf, data);
  let written = 0;
  try {
    for (const batch of inBatches([...Array(samples).keys()], batchSize)) {
      const start = batchTensor(tf, data, batch, window);
      const predicted = predictRollout(tf, model, parameters, start, grid, rolloutSteps);
      values.set((await predicted.data()) as Float32Array, written);
      written += predicted.size;
      tf.dispose([start, predicted]);
      await setImmediate();
    }
  } finally {
    tf.dispose([parameters, grid] as never);
  }
  return { shape, data: values };
}
