import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';
import type { WasmBackend } from './backend.ts';

/** The backend's own takes no values but whole ones. */
export function oneHot(backend: () => WasmBackend): KernelConfig {
  return {
    kernelName: 'OneHot',
    backendName: 'wasm',
    kernelFunc({ inputs, attrs }) {
      const { indices } = inputs as { indices: TensorInfo };
      const {
        depth,
        onValue,
        offValue,
        dtype = 'int32',
      } = attrs as unknown as {
        depth: number;
        onValue: number;
        offValue: number;
        dtype?: TensorInfo['dtype'];
      };
      const out = backend().makeOutput([...indices.shape, depth], dtype);
      const values = backend().typedArrayFromHeap(out).fill(offValue);
      for (const [row, index] of backend().typedArrayFromHeap(indices).entries()) {
        if (index >= 0 && index < depth) values[row * depth + index] = onValue;
      }
      return out;
    },
  };
}
