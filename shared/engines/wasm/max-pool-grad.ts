import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';
import type { TensorLibrary } from '../engine.ts';
import type { WasmBackend } from './backend.ts';

interface Attributes {
  filterSize: [number, number] | number;
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** Gradient of the largest in each window: it goes to the first of the largest values. The backend's own gives wrong numbers. */
export function maxPoolGrad(tf: TensorLibrary, backend: () => WasmBackend): KernelConfig {
  return {
    kernelName: 'MaxPoolGrad',
    backendName: 'wasm',
    kernelFunc({ inputs, attrs }) {
      const { dy, input } = inputs as unknown as { dy: TensorInfo; input: TensorInfo };
      const { filterSize, strides, pad, dimRoundingMode } = attrs as unknown as Attributes;
      const shape = input.shape as [number, number, number, number];
      const info = tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
      const { inHeight, inWidth, inChannels, outHeight, outWidth, filterHeight, filterWidth, padInfo } = info;
      const out = backend().makeOutput(input.shape, 'float32');
      const gradient = backend().typedArrayFromHeap(out).fill(0);
      const [values, reaching] = [backend().typedArrayFromHeap(input), backend().typedArrayFromHeap(dy)];

      /** The range of a window inside the input, along one axis. */
      const span = (first: number, length: number, size: number) => [
        Math.max(first, 0),
        Math.min(first + length, size),
      ];
      const placeOfLargest = (image: number, rows: number[], columns: number[], channel: number): number => {
        let found = -1;
        for (let row = rows[0]!; row < rows[1]!; row++) {
          for (let column = columns[0]!; column < columns[1]!; column++) {
            const place = ((image * inHeight + row) * inWidth + column) * inChannels + channel;
            if (found < 0 || values[place]! > values[found]!) found = place;
          }
        }
        return found;
      };
      let window = 0;
      for (let image = 0; image < info.batchSize; image++) {
        for (let row = 0; row < outHeight; row++) {
          const rows = span(row * info.strideHeight - padInfo.top, filterHeight, inHeight);
          for (let column = 0; column < outWidth; column++) {
            const columns = span(column * info.strideWidth - padInfo.left, filterWidth, inWidth);
            for (let channel = 0; channel < inChannels; channel++, window++) {
              gradient[placeOfLargest(image, rows, columns, channel)]! += reaching[window]!;
            }
          }
        }
      }
      return out;
    },
  };
}
