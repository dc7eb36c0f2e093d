import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { gelu, tanhGelu } from './gelu.ts';
import { withGradient } from './with-gradient.ts';

type Activation = (tf: TensorLibrary, x: Tensor) => Tensor;

/** SiLU, y = x * s with s = sigmoid(x); its gradient s + y * (1 - s) reuses both. */
const silu: Activation = (tf, x) =>
  withGradient(
    tf,
    (z) => {
      const sigmoid = tf.sigmoid(z!);
      const value = tf.mul(z!, sigmoid);
      return { value, keep: [value, sigmoid] };
    },
    (dy, [value, sigmoid]) => tf.mul(dy, tf.add(tf.mul(value!, tf.sub(1, sigmoid!)), sigmoid!)),
  )(x);

/** Activations by their names in Hugging Face's configurations. */
export const activations = {
  gelu,
  gelu_new: tanhGelu,
  gelu_pytorch_tanh: tanhGelu,
  relu: (tf, x) => tf.relu(x),
  silu,
  swish: silu,
  tanh: (tf, x) => tf.tanh(x),
} as const satisfies Readonly<Record<string, Activation>>;

export type ActivationName = keyof typeof activations;
export const activationNames = Object.keys(activations) as [ActivationName, ...ActivationName[]];
