import type { Tensor, TensorLibrary } from '../../engines/engine.ts';

/**
 * A differentiable function whose gradient is written out. `value` gets what the gradient needs kept, besides the result.
 * Only what is kept outlives the forward pass.
 */
export function withGradient(
  tf: TensorLibrary,
  value: (...inputs: Tensor[]) => { value: Tensor; keep: Tensor[] },
  gradient: (dy: Tensor, kept: Tensor[]) => Tensor | Tensor[],
): (...inputs: Tensor[]) => Tensor {
  return tf.customGrad((...inputsAndSave) => {
    const save = inputsAndSave.at(-1) as unknown as (tensors: Tensor[]) => void;
    const result = value(...(inputsAndSave.slice(0, -1) as Tensor[]));
    save(result.keep);
    return { value: result.value, gradFunc: gradient };
  });
}
