import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { withGradient } from './with-gradient.ts';

/** log(1 / sqrt(pi)), so that exp(lift - u^2) is the density times sqrt(2) at x = sqrt(2) u. */
const lift = -0.5 * Math.log(Math.PI);

/**
 * GELU(x) = x * Phi(x) with Phi the normal distribution function, by erf (not the tanh approximation).
 * Its gradient Phi(x) + x * Phi'(x) reuses the Phi of the forward pass; with u = x / sqrt(2) it is Phi + u * exp(-u^2) / sqrt(pi).
 */
export function gelu(tf: TensorLibrary, x: Tensor): Tensor {
  const activate = withGradient(
    tf,
    (z) => {
      const u: Tensor = tf.mul(z!, Math.SQRT1_2);
      const phi = tf.add(tf.mul(tf.erf(u), 0.5), 0.5);
      return { value: tf.mul(z!, phi), keep: [u, phi] };
    },
    (dy, [u, phi]) => tf.mul(dy, tf.add(phi!, tf.mul(u!, tf.exp(tf.sub(lift, tf.square(u!)))))),
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
