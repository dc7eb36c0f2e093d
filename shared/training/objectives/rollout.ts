import type { NamedTensors, Tensor, TensorLibrary } from '../../engines/engine.ts';
import { withGradient } from '../../models/blocks/with-gradient.ts';
import type { FieldModel, ModelState } from '../../models/model.ts';
import type { Objective } from '../problem.ts';

/** Some trajectories on the engine. */
export interface TrajectoryBatch {
  /** `[batch, ...space, time, channels]`; the first `window` steps are given, the rest are to be predicted. */
  readonly values: Tensor;
  /** Fields that are given and don't change: `[batch, ...space, statics]`; absent: there are none. */
  readonly statics?: Tensor | undefined;
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

/** What a roll-out begins with. */
export interface RolloutStart {
  /** The first window `[batch, ...space, window, channels]`; absent: a static map, which is given static fields alone. */
  readonly past?: Tensor | undefined;
  /** Given at every step, behind the window: `[batch, ...space, statics]`. */
  readonly statics?: Tensor | undefined;
}

/**
 * Autoregressive roll-out: each prediction is appended to the window that the next one is made from. Static fields are given at every step.
 * @param state in training: the model's, which every step replaces
 * @returns the predictions, one `[batch, ...space, channels]` per step
 */
function rollOut(
  tf: TensorLibrary,
  model: FieldModel,
  parameters: NamedTensors,
  { past: start, statics }: RolloutStart,
  grid: Tensor,
  steps: number,
  state?: ModelState,
): Tensor[] {
  const forward = model.forward(tf, parameters, grid, state);
  if (!start) return [forward(statics!)];
  const [window, channels] = start.shape.slice(-2) as [number, number];
  const places = start.shape.slice(0, -2);
  const slide = bindSlide(tf, window, channels);
  const predictions: Tensor[] = [];
  let past = tf.reshape(start, [-1, window * channels]);
  for (let step = 0; step < steps; step++) {
    const given = tf.reshape(past, [...places, window * channels]);
    const next = forward(statics ? tf.concat([given, statics], places.length) : given);
    predictions.push(next);
    if (step === steps - 1) break;
    past = slide(past, tf.reshape(next, [-1, channels]));
  }
  return predictions;
}

/**
 * Training loss: the sum over roll-out steps of the mean squared error over batch, space and channels, with the
 * gradient through the whole roll-out. Every time step after the window is predicted. Of a static map, which predicts one: the mean squared error. Each step replaces the
 * model's `state`.
 */
export function rolloutLoss(
  tf: TensorLibrary,
  model: FieldModel,
  parameters: NamedTensors,
  window: number,
  { values, statics, grid }: TrajectoryBatch,
  state: ModelState = {},
): Tensor {
  const [batch, ...space] = values.shape.slice(0, -2) as [number, ...number[]];
  const [time, channels] = values.shape.slice(-2) as [number, number];
  const rows = tf.reshape(values, [-1, time * channels]);
  const past =
    window === 0
      ? undefined
      : tf.reshape(tf.slice(rows, [0, 0], [-1, window * channels]), [batch, ...space, window, channels]);
  const timeFirst = tf.transpose(tf.reshape(values, [-1, time, channels]), [1, 0, 2]);
  const targets = tf.slice(timeFirst, [window, 0, 0], [-1, -1, -1]);
  const predictions = rollOut(tf, model, parameters, { past, statics }, grid, time - window, state);
  const predicted = tf.reshape(tf.concat(predictions, 0), targets.shape);
  return tf.mul(tf.mean(tf.square(tf.sub(predicted, targets))), time - window);
}

/** `rolloutLoss` of the inputs `values` and, where there are any, `statics` on the fixed coordinates `grid`. */
export function rolloutObjective(model: FieldModel, window: number): Objective {
  return {
    parameters: model.parameters,
    state: model.state,
    loss: (tf, parameters, { fixed, inputs }, state) =>
      rolloutLoss(
        tf,
        model,
        parameters,
        window,
        { values: inputs.values!, statics: inputs.statics, grid: fixed.grid! },
        state,
      ),
  };
}

/** The roll-out without gradients: `[batch, ...space, steps, channels]`. */
export function predictRollout(
  tf: TensorLibrary,
  model: FieldModel,
  parameters: NamedTensors,
  start: RolloutStart,
  grid: Tensor,
  steps: number,
): Tensor {
  return tf.tidy(() => tf.stack(rollOut(tf, model, parameters, start, grid, steps), grid.rank));
}
