import type { NamedTensors, Tensor, TensorLibrary } from '../../engines/engine.ts';
import { sumRows } from './sum-rows.ts';
import { withGradient } from './with-gradient.ts';

/** A dense layer `[rows, in]` to `[rows, out]` with weight `[out, in]` (further axes of size 1 allowed) and bias `[out]`. */
export function linear(tf: TensorLibrary, weight: Tensor, bias: Tensor): (x: Tensor) => Tensor {
  const matrix: Tensor = tf.reshape(weight, [weight.shape[0]!, -1]);
  const [outputs, inputs] = matrix.shape as [number, number];
  const transposed = tf.transpose(matrix);
  // Of the two ways to the same product, the one that transposes the narrower operand.
  const matrixGradient = (dy: Tensor, x: Tensor): Tensor =>
    outputs < inputs ? tf.matMul(dy, x, true, false) : tf.transpose(tf.matMul(x, dy, true, false));
  const apply = withGradient(
    tf,
    (x, weights, offset) => ({ value: tf.add(tf.matMul(x!, transposed), offset!), keep: [x!, weights!] }),
    (dy, [x, weights]) => [tf.matMul(dy, weights!), matrixGradient(dy, x!), sumRows(tf, dy)],
  );
  return (x) => apply(x, matrix, bias);
}

/** The dense layer whose parameters are `<name>.weight` and `<name>.bias`. */
export function linearNamed(tf: TensorLibrary, parameters: NamedTensors, name: string): (x: Tensor) => Tensor {
  return linear(tf, parameters[`${name}.weight`]!, parameters[`${name}.bias`]!);
}
