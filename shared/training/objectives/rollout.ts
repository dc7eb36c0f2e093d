import type { NamedTensors, Tensor, TensorLibrary } from '../../engines/engine.ts';
import { withGradient } from '../../models/blocks/with-gradient.ts';
import type { FieldModel, ModelState } from '../../models/model.ts';
import { elementCount } from '../../tensors/tensor.ts';
import type { Objective } from '../problem.ts';
import { type FieldLoss, meanSquaredError } from './field-losses.ts';

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

/** The inputs with which a roll-out begins. */
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

/** The ways to predict the steps that have a loss. */
export const trainingModes = ['rollout', 'singleStep', 'pushForward'] as const;
export type TrainingMode = (typeof trainingModes)[number];

/** Steps at the end of a roll-out that push-forward training learns from where none are named, as in PDEBench. */
export const usualUnrollSteps = 20;

export interface RolloutSettings {
  /** Absent: the mean squared error. */
  readonly loss?: FieldLoss | undefined;
  /** Absent: `rollout`. */
  readonly mode?: TrainingMode | undefined;
  /** Of `pushForward`: the last steps, which have a loss and a gradient. */
  readonly unrollSteps?: number | undefined;
}

/** Steps of a roll-out that have no loss. */
export function stepsWithoutLoss(steps: number, { mode, unrollSteps = usualUnrollSteps }: RolloutSettings): number {
  return mode === 'pushForward' ? Math.max(0, steps - unrollSteps) : 0;
}

/** One prediction from each window of true steps `[places, time * channels]`, one after the other. */
function predictEachStep(
  tf: TensorLibrary,
  model: FieldModel,
  parameters: NamedTensors,
  {
    rows,
    statics,
    window,
    channels,
    steps,
    places,
    grid,
  }: {
    readonly rows: Tensor;
    readonly statics: Tensor | undefined;
    readonly window: number;
    readonly channels: number;
    readonly steps: number;
    readonly places: readonly number[];
    readonly grid: Tensor;
  },
  state: ModelState,
): Tensor[] {
  const forward = model.forward(tf, parameters, grid, state);
  return Array.from({ length: steps }, (_, step) => {
    const past = tf.slice(rows, [0, step * channels], [-1, window * channels]);
    const given = tf.reshape(past, [...places, window * channels]);
    return forward(statics ? tf.concat([given, statics], places.length) : given);
  });
}

/**
 * The window after some steps of a roll-out, without a gradient for the parameters. The steps are inside of a function with a gradient of its own, which
 * no parameter is an input of, so that nothing of them is kept. `state` is replaced as each step replaces it.
 */
function windowAfter(
  tf: TensorLibrary,
  model: FieldModel,
  parameters: NamedTensors,
  { past: start, statics }: { readonly past: Tensor; readonly statics: Tensor | undefined },
  grid: Tensor,
  steps: number,
  state: ModelState,
): Tensor {
  const [window, channels] = start.shape.slice(-2) as [number, number];
  const names = Object.keys(state);
  const flat = (tensor: Tensor) => tf.reshape(tensor, [-1]);
  const unlearnt = withGradient(
    tf,
    (past) => {
      const own = { ...state };
      const predictions = rollOut(tf, model, parameters, { past: past!, statics }, grid, steps, own);
      const places = tf.reshape(past!, [-1, window * channels]);
      const parts = [
        ...(steps < window ? [tf.slice(places, [0, steps * channels], [-1, -1])] : []),
        ...predictions.slice(-window).map((each) => tf.reshape(each, [-1, channels])),
      ];
      const after = parts.length === 1 ? parts[0]! : tf.concat(parts, 1);
      return { value: tf.concat([flat(after), ...names.map((name) => flat(own[name]!))], 0), keep: [] };
    },
    () => tf.zeros(start.shape),
  );
  const all = unlearnt(start);
  let at = 0;
  const next = (shape: readonly number[]) => {
    const size = elementCount(shape);
    const taken = tf.reshape(tf.slice(all, [at], [size]), [...shape]);
    at += size;
    return taken;
  };
  const past = next(start.shape);
  for (const name of names) state[name] = next(state[name]!.shape);
  return past;
}

/**
 * Training loss: the sum over predicted steps of the loss of each, by default the mean squared error over batch, space and channels. Every time step after the window is
 * predicted: in a roll-out, with the gradient through all of it; each from the true steps before it (`singleStep`); or in a roll-out whose last steps alone
 * have a loss and a gradient (`pushForward`, as PDEBench's U-Net training). Of a static map: the loss of its one step. Each step replaces the
 * model's `state`.
 */
export function rolloutLoss(
  tf: TensorLibrary,
  model: FieldModel,
  parameters: NamedTensors,
  window: number,
  { values, statics, grid }: TrajectoryBatch,
  state: ModelState = {},
  settings: RolloutSettings = {},
): Tensor {
  const { loss = meanSquaredError, mode = 'rollout' } = settings;
  const [batch, ...space] = values.shape.slice(0, -2) as [number, ...number[]];
  const [time, channels] = values.shape.slice(-2) as [number, number];
  const places = [batch, ...space];
  const rows = tf.reshape(values, [-1, time * channels]);
  const steps = time - window;
  const untaught = window === 0 ? 0 : stepsWithoutLoss(steps, settings);
  const learnt = steps - untaught;
  const predict = (): Tensor[] => {
    if (mode === 'singleStep' && window > 0) {
      return predictEachStep(tf, model, parameters, { rows, statics, window, channels, steps, places, grid }, state);
    }
    const first =
      window === 0
        ? undefined
        : tf.reshape(tf.slice(rows, [0, 0], [-1, window * channels]), [...places, window, channels]);
    const past =
      first && untaught > 0
        ? windowAfter(tf, model, parameters, { past: first, statics }, grid, untaught, state)
        : first;
    return rollOut(tf, model, parameters, { past, statics }, grid, learnt, state);
  };
  const timeFirst = tf.transpose(tf.reshape(values, [-1, time, channels]), [1, 0, 2]);
  const targets = tf.slice(timeFirst, [window + untaught, 0, 0], [-1, -1, -1]);
  const predictions = predict();
  const shape = loss === meanSquaredError ? targets.shape : [learnt * batch, elementCount(space), channels];
  const predicted = tf.reshape(tf.concat(predictions, 0), shape);
  return tf.mul(loss(tf, predicted, loss === meanSquaredError ? targets : tf.reshape(targets, shape)), learnt);
}

/** `rolloutLoss` of the inputs `values` and, where there are any, `statics` on the fixed coordinates `grid`. */
export function rolloutObjective(model: FieldModel, window: number, settings: RolloutSettings = {}): Objective {
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
        settings,
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
