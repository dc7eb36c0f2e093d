import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { sumRows } from './sum-rows.ts';
import { withGradient } from './with-gradient.ts';

const meanOf = (tf: TensorLibrary, x: Tensor) => tf.mean(x, -1, true);

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
      const along = tf.mul(dy, scale!);
      const projected = tf.mul(normal!, meanOf(tf, tf.mul(along, normal!)));
      const inward = tf.sub(tf.sub(along, meanOf(tf, along)), projected);
      const gradients = [tf.mul(inward, inverse!), sumRows(tf, tf.mul(dy, normal!))];
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
      const along = tf.mul(dy, scale!);
      const projected = tf.mul(normal!, meanOf(tf, tf.mul(along, normal!)));
      return [tf.mul(tf.sub(along, projected), inverse!), sumRows(tf, tf.mul(dy, normal!))];
    },
  );
  return normalise(x, weight);
}
