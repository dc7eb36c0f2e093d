import type { NamedTensors, Tensor, TensorLibrary } from '../../engines/engine.ts';
import { withGradient } from './with-gradient.ts';

/** A dense layer `[rows, in]` to `[rows, out]` with weight `[out, in]` (further axes of size 1 allowed) and bias `[out]`. */
export function linear(tf: TensorLibrary, weight: Tensor, bias: Tensor): (x: Tensor) => Tensor {
  const matrix = tf.reshape(weight, [weight.shape[0]!, -1]);
  const transposed = tf.transpose(matrix);
  const apply = withGradient(
    tf,
    (x, weights, offset) => ({ value: tf.add(tf.matMul(x!, weights!), offset!), keep: [x!, matrix] }),
    (dy, [x, back]) => [
      tf.matMul(dy, back!),
      tf.matMul(x!, dy, true, false),
      tf.reshape(tf.matMul(tf.ones([1, dy.shape[0]!]), dy), [-1]),
    ],
  );
  return (x) => apply(x, transposed, bias);
}

/** The dense layer whose parameters are `<name>.weight` and `<name>.bias`. */
export function linearNamed(tf: TensorLibrary, parameters: NamedTensors, name: string): (x: Tensor) => Tensor {
  return linear(tf, parameters[`${name}.weight`]!, parameters[`${name}.bias`]!);
}
