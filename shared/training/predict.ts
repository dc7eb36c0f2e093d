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

/** Time steps that are rolled out in one graph at most; a longer roll-out is made in pieces, each from the end of the one before, with the same bits. */
const mostSteps = 64;

/** The coordinates, beside the parameters: no parameter has such a name. */
const gridName = '/grid';

const known = new WeakMap<FieldModel, Map<number, Step>>();

/** The roll-out of a batch, as the same function object for the same arguments. */
function predictionStep(model: FieldModel, steps: number): Step {
  const before = known.get(model) ?? new Map<number, Step>();
  known.set(model, before);
  const step: Step =
    before.get(steps) ??
    ((tf, { fixed: { [gridName]: grid, ...parameters }, inputs: { past, statics } }) => ({
      results: { predicted: predictRollout(tf, model, parameters, { past, statics }, grid!, steps) },
    }));
  before.set(steps, step);
  return step;
}

/** A roll-out cut in pieces of one length, but for the last, which may be shorter. */
export interface Piece {
  /** The first of its steps, from 0 on. */
  readonly first: number;
  readonly steps: number;
}

/** @param most steps of a piece at most */
export function piecesOf(rolloutSteps: number, most = mostSteps): Piece[] {
  const count = Math.ceil(rolloutSteps / most);
  const length = Math.ceil(rolloutSteps / count);
  return Array.from({ length: Math.ceil(rolloutSteps / length) }, (_, index) => ({
    first: index * length,
    steps: Math.min(length, rolloutSteps - index * length),
  }));
}

/** A range of time steps of some trajectories that were rolled out. */
export interface PredictedPiece extends Piece {
  /** Positions of the samples. */
  readonly samples: readonly number[];
  /** `[samples, ...space, steps, channels]` */
  readonly predicted: HostTensor;
  /** The samples as they are in the data, all their time steps. */
  readonly given: SampleBatch;
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
 * Rolls trajectories out from their first `window` steps, batch by batch and piece by piece; only one batch, and one piece of its
 * predictions, is in memory at a time.
 * @param use is given each piece, in the order of the samples, and then of the time steps.
 * @param most steps of a piece at most
 * @throws UserError when the trajectories are too short for the window.
 */
export async function predictPieces(
  request: PredictionRequest,
  use: (piece: PredictedPiece) => void | Promise<void>,
  most = mostSteps,
): Promise<void> {
  const { engine, model, data, window, rolloutSteps, batchSize } = request;
  checkTimeSteps(data, window, 0);
  const pieces = piecesOf(rolloutSteps, most);
  const loop = await engine.loop(predictionStep(model, pieces[0]!.steps), {
    fixed: new Map([[gridName, gridOf(data)], ...request.parameters]),
    carried: new Map(),
  });
  try {
    for (const samples of inBatches([...Array(data.shape[0]!).keys()], batchSize)) {
      const given = await batchOf(data, samples);
      let past = window > 0 ? timeSteps(given.values, 0, window) : undefined;
      for (const piece of pieces) {
        const inputs = new Map([
          ...(past ? [['past', past] as const] : []),
          ...(given.statics ? [['statics', given.statics] as const] : []),
        ]);
        const results = await loop.run(inputs, { step: predictionStep(model, piece.steps) });
        const predicted = results.get('predicted')!;
        await use({ ...piece, samples, predicted, given });
        past = past && windowAfter(past, predicted);
        await setImmediate();
      }
    }
  } finally {
    await loop.close();
  }
}

/** The last steps of a window `[..., window, channels]` and of what was predicted from it `[..., steps, channels]`: the next window. */
function windowAfter(past: HostTensor, predicted: HostTensor): HostTensor {
  const [window, channels] = past.shape.slice(-2) as [number, number];
  const steps = predicted.shape.at(-2)!;
  const kept = Math.max(0, window - steps);
  const taken = window - kept;
  const from = [timeSteps(past, window - kept, kept), timeSteps(predicted, steps - taken, taken)] as const;
  const data = new Float32Array(past.data.length);
  const points = elementCount(past.shape.slice(0, -2));
  for (let point = 0; point < points; point++) {
    for (const [part, at, length] of [
      [from[0], 0, kept * channels],
      [from[1], kept * channels, taken * channels],
    ] as const) {
      // A sum, as where the window slides on the engine: it leaves no negative zero.
      for (let index = 0; index < length; index++) {
        data[point * window * channels + at + index] = part.data[point * length + index]! + 0;
      }
    }
  }
  return { shape: past.shape, data };
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
  const { rolloutSteps } = request;
  let whole: HostTensor | undefined;
  await predictPieces(request, async ({ samples, first, steps, predicted, given }) => {
    if (steps === rolloutSteps) return use({ samples, predicted, given });
    const shape = [...predicted.shape.slice(0, -2), rolloutSteps, predicted.shape.at(-1)!];
    if (first === 0) whole = { shape, data: new Float32Array(elementCount(shape)) };
    placeSteps(whole!, first, predicted);
    if (first + steps === rolloutSteps) await use({ samples, predicted: whole!, given });
  });
}

/** Copies time steps `[..., steps, channels]` into fields `[..., time, channels]` from step `first` on. */
export function placeSteps(into: HostTensor, first: number, { shape, data }: HostTensor): void {
  const [time, channels] = into.shape.slice(-2) as [number, number];
  const length = shape.at(-2)! * channels;
  for (let point = 0; point * length < data.length; point++) {
    into.data.set(data.subarray(point * length, (point + 1) * length), (point * time + first) * channels);
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
