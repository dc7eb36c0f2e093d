import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { gelu, tanhGelu } from './gelu.ts';
import { withGradient } from './with-gradient.ts';

type Activation = (tf: TensorLibrary, x: Tensor) => Tensor;

/** SiLU, x * sigmoid(x); its gradient s * (1 + x * (1 - s)) reuses the sigmoid s. */
const silu: Activation = (tf, x) =>
  withGradient(
    tf,
    (z) => {
      const sigmoid = tf.sigmoid(z!);
      return { value: tf.mul(z!, sigmoid), keep: [z!, sigmoid] };
    },
    (dy, [z, sigmoid]) => tf.mul(dy, tf.mul(sigmoid!, tf.add(tf.mul(z!, tf.sub(1, sigmoid!)), 1))),
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
