import type { NamedTensors, Scalar, Tensor, TensorLibrary } from '../../engines/engine.ts';
import type { ParameterSpec } from '../../tensors/layer.ts';
import { type HostTensors, zeros } from '../../tensors/tensor.ts';

/** The way in which the second moment of a complex parameter is kept. */
export type ComplexMoments = 'shared' | 'separate';

export interface MomentSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly complexMoments: ComplexMoments;
}

const firstMoment = (name: string) => `firstMoment/${name}`;
const secondMoment = (name: string) => `secondMoment/${name}`;

const isShared = (spec: ParameterSpec, settings: MomentSettings) =>
  spec.complex === true && settings.complexMoments === 'shared';

/** Zero moments for every parameter. A shared second moment `[..., 1]` serves real and imaginary part. */
export function zeroMoments(specs: readonly ParameterSpec[], settings: MomentSettings): HostTensors {
  return new Map(
    specs.flatMap((spec) => {
      const secondShape = isShared(spec, settings) ? [...spec.shape.slice(0, -1), 1] : spec.shape;
      return [
        [firstMoment(spec.name), zeros(spec.shape)] as const,
        [secondMoment(spec.name), zeros(secondShape)] as const,
      ];
    }),
  );
}

/** Bias corrections 1 - beta^step. */
export function biasCorrections(
  tf: TensorLibrary,
  settings: MomentSettings,
  step: Scalar,
): { first: Tensor; second: Tensor } {
  return {
    first: tf.sub(1, tf.pow(settings.beta1, step)),
    second: tf.sub(1, tf.pow(settings.beta2, step)),
  };
}

/** Values that a row of `sumPairs` and `inPairs` has. */
const rowSize = 16;

/** `[2 * rowSize, rowSize]`: the product with it sums pairs up; that with its transposed gives each value twice. */
function pairsMatrix(tf: TensorLibrary): Tensor {
  const ones = Array.from({ length: 2 * rowSize }, (_, row) =>
    Array.from({ length: rowSize }, (_, column) => Number(row >> 1 === column)),
  );
  return tf.tensor2d(ones);
}

/** Whether a tensor's pairs fill whole rows. */
const fillsRows = (pairs: Tensor) => pairs.size % (2 * rowSize) === 0;

/**
 * Sums `[..., 1]` over a last axis of two. As a product, which engines compute several times as fast; exact, for all other terms are 0 as long as
 * all values are finite.
 */
function sumPairs(tf: TensorLibrary, pairs: Tensor): Tensor {
  if (!fillsRows(pairs)) return tf.sum(pairs, -1, true);
  return tf.reshape(tf.matMul(tf.reshape(pairs, [-1, 2 * rowSize]), pairsMatrix(tf)), [...pairs.shape.slice(0, -1), 1]);
}

/** `[..., 1]` as `pairs` is, `[..., 2]`: each value twice, by such a product. */
function inPairs(tf: TensorLibrary, values: Tensor, pairs: Tensor): Tensor {
  if (!fillsRows(pairs)) return values;
  return tf.reshape(tf.matMul(tf.reshape(values, [-1, rowSize]), pairsMatrix(tf), false, true), pairs.shape);
}

/**
 * Adam's direction m_hat / (sqrt(v_hat) + epsilon), but for a factor that is a number, and the moments after `gradient`.
 * Source: Kingma and Ba, Adam (ICLR 2015). Shared complex moments: v averages |g|^2.
 */
export function adamDirection(
  tf: TensorLibrary,
  spec: ParameterSpec,
  settings: MomentSettings,
  gradient: Tensor,
  state: NamedTensors,
  corrections: { first: Tensor; second: Tensor },
): { direction: Tensor; factor: Tensor; state: NamedTensors } {
  const { beta1, beta2, epsilon } = settings;
  const shared = isShared(spec, settings);
  const square = shared ? sumPairs(tf, tf.square(gradient)) : tf.square(gradient);
  const first = tf.add(tf.mul(state[firstMoment(spec.name)]!, beta1), tf.mul(gradient, 1 - beta1));
  const second = tf.add(tf.mul(state[secondMoment(spec.name)]!, beta2), tf.mul(square, 1 - beta2));
  // Corrections as factors of numbers, not of tensors: m_hat / (sqrt(v_hat) + epsilon) = (sqrt(c2) / c1) m / (sqrt(v) + sqrt(c2) epsilon).
  const root = tf.sqrt(corrections.second);
  const deviation = tf.add(tf.sqrt(second), tf.mul(root, epsilon));
  return {
    direction: tf.div(first, shared ? inPairs(tf, deviation, first) : deviation),
    factor: tf.div(root, corrections.first),
    state: { [firstMoment(spec.name)]: first, [secondMoment(spec.name)]: second },
  };
}
