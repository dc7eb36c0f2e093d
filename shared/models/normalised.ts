import type { FieldScales, Normaliser } from '../datasets/normaliser.ts';
import type { Tensor, TensorLibrary } from '../engines/engine.ts';
import type { FieldModel, TrajectoryFormat } from './model.ts';

const repeated = (times: number, numbers: readonly number[]): number[] =>
  Array.from({ length: times }, () => numbers).flat();

/** The scales of all that a model is given at a point: the window's steps, each with its channels, then the static fields. */
function givenScales({ channels, statics }: Normaliser, window: number): FieldScales {
  return {
    shift: [...repeated(window, channels.shift), ...statics.shift],
    scale: [...repeated(window, channels.scale), ...statics.scale],
  };
}

/** Shift and scale on the engine, one of each for the last axis. */
const bound = (tf: TensorLibrary, { shift, scale }: FieldScales): [Tensor, Tensor] => [
  tf.tensor2d(Float32Array.from(shift), [1, shift.length]),
  tf.tensor2d(Float32Array.from(scale), [1, scale.length]),
];

/**
 * The model in the data's own units: what it is given is normalised, and what it predicts is scaled back. Parameters, layers and state are the
 * model's own.
 */
export function withNormaliser(
  model: FieldModel,
  normaliser: Normaliser,
  { window }: Pick<TrajectoryFormat, 'window'>,
): FieldModel {
  const given = givenScales(normaliser, window);
  const inputs = given.shift.length;
  const channels = normaliser.channels.shift.length;
  return {
    ...model,
    forward(tf, parameters, grid, state) {
      const forward = model.forward(tf, parameters, grid, state);
      const [givenShift, givenScale] = bound(tf, given);
      const [shift, scale] = bound(tf, normaliser.channels);
      return (fields) => {
        const rows = tf.reshape(fields, [-1, inputs]);
        const next = forward(tf.reshape(tf.div(tf.sub(rows, givenShift), givenScale), fields.shape));
        return tf.reshape(tf.add(tf.mul(tf.reshape(next, [-1, channels]), scale), shift), next.shape);
      };
    },
  };
}
