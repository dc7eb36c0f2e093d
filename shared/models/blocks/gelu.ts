import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { withGradient } from './with-gradient.ts';

/**
 * GELU(x) = x * Phi(x) with Phi the normal distribution function, by erf (not the tanh approximation).
 * Its gradient Phi(x) + x * Phi'(x) reuses the Phi of the forward pass.
 */
export function gelu(tf: TensorLibrary, x: Tensor): Tensor {
  const activate = withGradient(
    tf,
    (z) => {
      const phi = tf.add(tf.mul(tf.erf(tf.mul(z!, Math.SQRT1_2)), 0.5), 0.5);
      return { value: tf.mul(z!, phi), keep: [z!, phi] };
    },
    (dy, [z, phi]) => {
      const density = tf.mul(tf.exp(tf.mul(tf.square(z!), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return tf.mul(dy, tf.add(phi!, tf.mul(z!, density)));
    },
  );
  return activate(x);
}
