import type { NamedTensors, Scalar, Tensor, TensorLibrary } from '../engines/engine.ts';

/** Loss and its gradient for every parameter, by name. */
export function lossAndGradients(
  tf: TensorLibrary,
  objective: (parameters: NamedTensors) => Tensor,
  parameters: NamedTensors,
): { loss: Scalar; gradients: NamedTensors } {
  const names = Object.keys(parameters);
  const byName = (tensors: readonly Tensor[]): NamedTensors =>
    Object.fromEntries(names.map((name, index) => [name, tensors[index]!]));
  const differentiate = tf.valueAndGrads((...tensors: Tensor[]) => objective(byName(tensors)));
  const { value, grads } = differentiate(names.map((name) => parameters[name]!));
  return { loss: value as Scalar, gradients: byName(grads) };
}

const each = (tensors: NamedTensors, change: (tensor: Tensor, name: string) => Tensor): NamedTensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor, name)]));

/** `sums` with a share of `gradients` added: that of the samples that they are the mean of. */
export function withShare(tf: TensorLibrary, sums: NamedTensors, gradients: NamedTensors, share: Tensor): NamedTensors {
  return each(gradients, (gradient, name) => tf.add(sums[name]!, tf.mul(gradient, share)));
}

export function zerosLike(tf: TensorLibrary, gradients: NamedTensors): NamedTensors {
  return each(gradients, (gradient) => tf.zeros(gradient.shape));
}

/** The length of all gradients as one vector. */
export function globalNorm(tf: TensorLibrary, gradients: NamedTensors): Scalar {
  const squares = Object.values(gradients).map((gradient) => tf.sum(tf.square(gradient)));
  return tf.sqrt(tf.addN(squares)) as Scalar;
}

/** Gradients of norm `norm`, shortened together to `longest` where they are longer. Source: torch.nn.utils.clip_grad_norm_. */
export function clipped(tf: TensorLibrary, gradients: NamedTensors, norm: Scalar, longest: number): NamedTensors {
  const factor = tf.minimum(tf.div(longest, tf.add(norm, 1e-6)), 1);
  return each(gradients, (gradient) => tf.mul(gradient, factor));
}
