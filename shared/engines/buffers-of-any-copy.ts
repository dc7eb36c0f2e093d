import type { TensorLibrary } from './engine.ts';

/**
 * Has a copy of the library take buffers of other copies in the process for its own, as it does with tensors. Copies share one set of kernels, so that the kernels of
 * one are given the buffers of another; `tensorScatterUpdate` then wrote into zeros.
 */
export function recogniseBuffers({ TensorBuffer }: TensorLibrary): void {
  const isBuffer = (value: unknown) =>
    typeof value === 'object' && value !== null && 'values' in value && 'strides' in value && 'toTensor' in value;
  Object.defineProperty(TensorBuffer, Symbol.hasInstance, { value: isBuffer });
}
