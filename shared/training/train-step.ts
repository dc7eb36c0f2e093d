import type { TensorContainer } from '@tensorflow/tfjs-core';
import type { NamedTensors, Scalar, Tensor, TensorLibrary } from '../engines/engine.ts';
import type { Optimizer, StepScalars } from './optimizer.ts';

export interface StepResult {
  readonly parameters: NamedTensors;
  readonly state: NamedTensors;
  readonly loss: Scalar;
}

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

/**
 * One optimizer step on an objective. Pure: the arguments are left alone, and the caller disposes of what it no longer
 * needs; nothing but the result stays in memory.
 */
export function trainStep(
  tf: TensorLibrary,
  optimizer: Optimizer,
  objective: (parameters: NamedTensors) => Tensor,
  parameters: NamedTensors,
  state: NamedTensors,
  scalars: StepScalars,
): StepResult {
  const step = (): StepResult => {
    const { loss, gradients } = lossAndGradients(tf, objective, parameters);
    return { ...optimizer.update(tf, parameters, gradients, state, scalars), loss };
  };
  return tf.tidy(step as unknown as () => TensorContainer) as unknown as StepResult;
}
