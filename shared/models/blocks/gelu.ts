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

const scale = Math.sqrt(2 / Math.PI);
const cubic = 0.044715;

/** GELU by its tanh approximation, x * (1 + t) / 2 with t = tanh(sqrt(2 / pi) * (x + 0.044715 x^3)), as GPT-2 has it. */
export function tanhGelu(tf: TensorLibrary, x: Tensor): Tensor {
  const activate = withGradient(
    tf,
    (z) => {
      const square = tf.square(z!);
      const t = tf.tanh(tf.mul(z!, tf.add(tf.mul(square, scale * cubic), scale)));
      const half = tf.add(tf.mul(t, 0.5), 0.5);
      return { value: tf.mul(z!, half), keep: [z!, square, half] };
    },
    (dy, [z, square, half]) => {
      // With h = (1 + t) / 2 the derivative (1 - t^2) / 2 is 2 h (1 - h).
      const slope = tf.mul(half!, tf.sub(2, tf.mul(half!, 2)));
      const inner = tf.add(tf.mul(square!, 3 * scale * cubic), scale);
      return tf.mul(dy, tf.add(half!, tf.mul(z!, tf.mul(slope, inner))));
    },
  );
  return activate(x);
}
