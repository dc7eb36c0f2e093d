import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { sumRows } from './sum-rows.ts';
import { withGradient } from './with-gradient.ts';

/**
 * Group norm of `[points, batch, channels]`: the channels in groups of neighbours, each with its points normalised for each sample; with weight and bias
 * `[channels]`. Source: Wu and He, Group Normalization (ECCV 2018), as in torch.nn.GroupNorm.
 */
export function groupNorm(
  tf: TensorLibrary,
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  groups: number,
  epsilon = 1e-5,
): Tensor {
  const [points, batch, channels] = x.shape as [number, number, number];
  const grouped = [points, batch * groups, channels / groups];
  const rows = [points * batch, channels];
  const meanOf = (values: Tensor) => tf.mean(values, [0, 2], true);
  const normalise = withGradient(
    tf,
    (input, scale, offset) => {
      const parted = tf.reshape(input!, grouped);
      const centred = tf.sub(parted, meanOf(parted));
      const inverse = tf.rsqrt(tf.add(meanOf(tf.square(centred)), epsilon));
      const normal = tf.mul(centred, inverse);
      const scaled = tf.add(tf.mul(tf.reshape(normal, rows), scale!), offset!);
      return { value: tf.reshape(scaled, x.shape), keep: [normal, inverse, scale!] };
    },
    (dy, [normal, inverse, scale]) => {
      const gradient = tf.reshape(dy, rows);
      const along: Tensor = tf.reshape(tf.mul(gradient, scale!), grouped);
      const projected = tf.mul(normal!, meanOf(tf.mul(along, normal!)));
      const inward = tf.sub(tf.sub(along, meanOf(along)), projected);
      return [
        tf.reshape(tf.mul(inward, inverse!), x.shape),
        sumRows(tf, tf.mul(gradient, tf.reshape(normal!, rows))),
        sumRows(tf, gradient),
      ];
    },
  );
  return normalise(x, weight, bias);
}
