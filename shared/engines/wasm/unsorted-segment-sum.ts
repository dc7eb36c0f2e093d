import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';
import type { WasmBackend } from './backend.ts';

interface Inputs {
  x: TensorInfo;
  segmentIds: TensorInfo;
}

/** Sums rows of `x` by segment id, the gradient of gather; rows with ids outside `[0, numSegments)` are left out. */
export function unsortedSegmentSum(backend: () => WasmBackend): KernelConfig {
  return {
    kernelName: 'UnsortedSegmentSum',
    backendName: 'wasm',
    kernelFunc({ inputs, attrs }) {
      const { x, segmentIds } = inputs as unknown as Inputs;
      const { numSegments } = attrs as unknown as { numSegments: number };
      const rowShape = x.shape.slice(segmentIds.shape.length);
      const width = rowShape.reduce((product, size) => product * size, 1);
      const out = backend().makeOutput([numSegments, ...rowShape], x.dtype);
      const sums = backend().typedArrayFromHeap(out).fill(0);
      const values = backend().typedArrayFromHeap(x);
      const ids = backend().typedArrayFromHeap(segmentIds);
      for (let row = 0; row < ids.length; row++) {
        const id = ids[row]!;
        if (id < 0 || id >= numSegments) continue;
        for (let i = 0; i < width; i++) sums[id * width + i]! += values[row * width + i]!;
      }
      return out;
    },
  };
}
