import type { NamedTensors, Tensor, TensorLibrary } from '../../engines/engine.ts';
import { withGradient } from '../../models/blocks/with-gradient.ts';
import type { FieldModel, ModelState } from '../../models/model.ts';
import type { Objective } from '../problem.ts';

/** Some trajectories on the engine. */
export interface TrajectoryBatch {
  /** `[batch, ...space, time, channels]`; the first `window` steps are given, the rest are to be predicted. */
  readonly values: Tensor;
  /** Coordinates `[...space, dimensions]`. */
  readonly grid: Tensor;
}

/** Drops the oldest step of a window and appends the newest, all `[rows, steps * channels]`, as products with 0/1 matrices. */
function bindSlide(tf: TensorLibrary, steps: number, channels: number): (window: Tensor, next: Tensor) => Tensor {
  const kept = (steps - 1) * channels;
  const diagonal = (rows: number, offset: number) =>
    tf.tensor2d(
      Float32Array.from({ length: rows * steps * channels }, (_, index) => {
        const [row, column] = [Math.floor(index / (steps * channels)), index % (steps * channels)];
        return column - row === offset ? 1 : 0;
      }),
      [rows, steps * channels],
    );
  const shift = diagonal(steps * channels, -channels);
  const append = diagonal(channels, kept);
  const shiftBack = tf.transpose(shift);
  const lastOnly = tf.transpose(append);
  return withGradient(
    tf,
    (window, next) => ({
      value: tf.add(tf.matMul(window!, shift), tf.matMul(next!, append)),
      keep: [shiftBack, lastOnly],
    }),
    (dy, [back, last]) => [tf.matMul(dy, back!), tf.matMul(dy, last!)],
  );
}

/**
 * Autoregressive roll-out: each prediction is appended to the window that the next one is made from.
 * @param start the first window `[batch, ...space, window, channels]`
 * @param state in training: the model's, which every step replaces
 * @returns the predictions, one `[batch, ...space, channels]` per step
 */
function rollOut(
  tf: TensorLibrary,
  model: FieldModel,
  parameters: NamedTensors,
  start: Tensor,
  grid: Tensor,
  steps: number,
  state?: ModelState,
): Tensor[] {
  const [window, channels] = start.shape.slice(-2) as [number, number];
  const forward = model.forward(tf, parameters, grid, state);
  const slide = bindSlide(tf, window, channels);
  const predictions: Tensor[] = [];
  let past: Tensor = start;
  for (let step = 0; step < steps; step++) {
    const next = forward(past);
    predictions.push(next);
    if (step === steps - 1) break;
    const flat = tf.reshape(past, [-1, window * channels]);
    past = tf.reshape(slide(flat, tf.reshape(next, [-1, channels])), start.shape);
  }
  return predictions;
}

/**
 * Training loss: the sum over roll-out steps of the mean squared error over batch, space and channels, with the
 * gradient through the whole roll-out. Every time step after the window is predicted. Each replaces the model's `state`.
 */
export function rolloutLoss(
  tf: TensorLibrary,
  model: FieldModel,
  parameters: NamedTensors,
  window: number,
  { values, grid }: TrajectoryBatch,
  state: ModelState = {},
): Tensor {
  const [batch, ...space] = values.shape.slice(0, -2) as [number, ...number[]];
  const [time, channels] = values.shape.slice(-2) as [number, number];
  const rows = tf.reshape(values, [-1, time * channels]);
  const start = tf.reshape(tf.slice(rows, [0, 0], [-1, window * channels]), [batch, ...space, window, channels]);
  const timeFirst = tf.transpose(tf.reshape(values, [-1, time, channels]), [1, 0, 2]);
  const targets = tf.slice(timeFirst, [window, 0, 0], [-1, -1, -1]);
  const predictions = rollOut(tf, model, parameters, start, grid, time - window, state);
  const predicted = tf.reshape(tf.concat(predictions, 0), targets.shape);
  return tf.mul(tf.mean(tf.square(tf.sub(predicted, targets))), time - window);
}

/** `rolloutLoss` of the input `values` on the fixed coordinates `grid`. */
export function rolloutObjective(model: FieldModel, window: number): Objective {
  return {
    parameters: model.parameters,
    state: model.state,
    loss: (tf, parameters, { fixed, inputs }, state) =>
      rolloutLoss(tf, model, parameters, window, { values: inputs.values!, grid: fixed.grid! }, state),
  };
}

/** The roll-out without gradients: `[batch, ...space, steps, channels]`. */
export function predictRollout(
  tf: TensorLibrary,
  model: FieldModel,
  parameters: NamedTensors,
  start: Tensor,
  grid: Tensor,
  steps: number,
): Tensor {
  return tf.tidy(() => tf.stack(rollOut(tf, model, parameters, start, grid, steps), start.rank - 2));
}
