import type { Tensor, TensorLibrary } from '../../engines/engine.ts';

/**
 * The whole complex tensor `[...sides, 2]` of Tucker's factors, on the engine: `core` `[...ranks, 2]`, a factor `[side, rank, 2]` for each
 * axis. One product for each axis, whose sides go round: the axis that is done becomes the last.
 */
export function wholeOfTucker(tf: TensorLibrary, core: Tensor, factors: readonly Tensor[]): Tensor {
  const ranks = core.shape.slice(0, -1);
  const sides = factors.map(({ shape }) => shape[0]!);
  let state: Tensor = tf.transpose(tf.reshape(core, [-1, 2]), [1, 0]);
  for (const [axis, factor] of factors.entries()) {
    const [side, rank] = [sides[axis]!, ranks[axis]!];
    const [real, imaginary] = tf.unstack(tf.transpose(factor, [2, 0, 1])) as [Tensor, Tensor];
    const block = tf.concat([tf.concat([real, tf.neg(imaginary)], 1), tf.concat([imaginary, real], 1)], 0);
    const done = tf.matMul(block, tf.reshape(state, [2 * rank, -1]));
    state = tf.transpose(tf.reshape(done, [2, side, -1]), [0, 2, 1]);
  }
  return tf.reshape(tf.transpose(tf.reshape(state, [2, -1]), [1, 0]), [...sides, 2]);
}
