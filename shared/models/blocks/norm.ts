import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { sumRows } from './sum-rows.ts';
import { withGradient } from './with-gradient.ts';

const meanOf = (tf: TensorLibrary, x: Tensor) => tf.mean(x, -1, true);

/** The mean of each row of x times a weight for each column, `[rows, 1]`: as a product, so that the scaled rows are not written. */
function scaledMean(tf: TensorLibrary, x: Tensor, weight: Tensor): Tensor {
  const size = weight.shape[0]!;
  return tf.div(tf.matMul(x, tf.reshape(weight, [size, 1])), size);
}

/** Layer norm of rows `[rows, size]` with weight and, where there is one, bias `[size]`. Source: Ba et al., Layer Normalization (2016). */
export function layerNorm(
  tf: TensorLibrary,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  epsilon: number,
): Tensor {
  const normalise = withGradient(
    tf,
    (rows, scale, offset) => {
      const centred = tf.sub(rows!, meanOf(tf, rows!));
      const inverse = tf.rsqrt(tf.add(meanOf(tf, tf.square(centred)), epsilon));
      const normal = tf.mul(centred, inverse);
      const scaled = tf.mul(normal, scale!);
      return { value: offset ? tf.add(scaled, offset) : scaled, keep: [normal, inverse, scale!] };
    },
    (dy, [normal, inverse, scale]) => {
      const product = tf.mul(dy, normal!);
      const projected = tf.mul(normal!, scaledMean(tf, product, scale!));
      const inward = tf.sub(tf.sub(tf.mul(dy, scale!), scaledMean(tf, dy, scale!)), projected);
      const gradients = [tf.mul(inward, inverse!), sumRows(tf, product)];
      return bias ? [...gradients, sumRows(tf, dy)] : gradients;
    },
  );
  return bias ? normalise(x, weight, bias) : normalise(x, weight);
}

/** Root-mean-square norm of rows `[rows, size]` with weight `[size]`. Source: Zhang and Sennrich, RMSNorm (NeurIPS 2019). */
export function rmsNorm(tf: TensorLibrary, x: Tensor, weight: Tensor, epsilon: number): Tensor {
  const normalise = withGradient(
    tf,
    (rows, scale) => {
      const inverse = tf.rsqrt(tf.add(meanOf(tf, tf.square(rows!)), epsilon));
      const normal = tf.mul(rows!, inverse);
      return { value: tf.mul(normal, scale!), keep: [normal, inverse, scale!] };
    },
    (dy, [normal, inverse, scale]) => {
      const product = tf.mul(dy, normal!);
      const projected = tf.mul(normal!, scaledMean(tf, product, scale!));
      return [tf.mul(tf.sub(tf.mul(dy, scale!), projected), inverse!), sumRows(tf, product)];
    },
  );
  return normalise(x, weight);
}
