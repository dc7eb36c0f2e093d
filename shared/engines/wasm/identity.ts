import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';
import type { WasmBackend } from './backend.ts';

/** Hands out another reference to the same data, as the other backends do; the backend's own kernel copies it. */
export function identity(backend: () => WasmBackend): KernelConfig {
  return {
    kernelName: 'Identity',
    backendName: 'wasm',
    kernelFunc({ inputs }) {
      const { x } = inputs as { x: TensorInfo };
      backend().incRef(x.dataId);
      return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
    },
  };
}

/** A tensor with data of its own. */
export function copyOf(backend: WasmBackend, tensor: TensorInfo): TensorInfo {
  const copy = backend.makeOutput(tensor.shape, tensor.dtype);
  backend.typedArrayFromHeap(copy).set(backend.typedArrayFromHeap(tensor));
  return copy;
}
