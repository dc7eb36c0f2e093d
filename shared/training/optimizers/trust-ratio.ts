import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import type { ParameterSpec } from '../../tensors/layer.ts';

/** Whether a parameter is a matrix or kernel: biases, norms and what does not decay are not. A complex number's two parts are no axis. */
export const isWeight = ({ shape, complex, decay }: ParameterSpec): boolean =>
  decay && shape.length > (complex ? 2 : 1);

/** Length of a parameter, or of its gradient, as one vector; a complex number counts by its modulus. */
export const lengthOf = (tf: TensorLibrary, x: Tensor): Tensor => tf.sqrt(tf.sum(tf.square(x)));

/** `ratio`, or `otherwise` where the weights or their step have no length, as they have in a layer that begins with zeros. */
export const trustRatio = (
  tf: TensorLibrary,
  ratio: Tensor,
  { weights, step, otherwise }: { weights: Tensor; step: Tensor; otherwise: number },
): Tensor =>
  tf.where(tf.logicalAnd(tf.greater(weights, 0), tf.greater(step, 0)), ratio, tf.fill(ratio.shape, otherwise));
