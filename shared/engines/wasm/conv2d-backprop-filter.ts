import type { KernelConfig, Tensor4D } from '@tensorflow/tfjs-core';
import type { TensorLibrary } from '../engine.ts';

interface Attributes {
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  filterShape: [number, number, number, number];
}

/**
 * Gradient `[kh, kw, in, out]` of a convolution's filter, for `x` `[batch, height, width, in]`:
 * one matrix product per filter tap, of the inputs that the tap has seen with the output's gradient.
 */
export function conv2dBackpropFilter(tf: TensorLibrary): KernelConfig {
  return {
    kernelName: 'Conv2DBackpropFilter',
    backendName: 'wasm',
    kernelFunc({ inputs, attrs }) {
      const { x, dy } = inputs as unknown as { x: Tensor4D; dy: Tensor4D };
      const { strides, pad, dimRoundingMode, filterShape } = attrs as unknown as Attributes;
      const info = tf.backend_util.computeConv2DInfo(x.shape, filterShape, strides, 1, pad, dimRoundingMode);
      const { top, bottom, left, right } = info.padInfo;
      const { batchSize, outHeight, outWidth, inChannels, outChannels, strideHeight, strideWidth } = info;
      return tf.tidy(() => {
        const padded = tf.pad(x, [
          [0, 0],
          [top, bottom],
          [left, right],
          [0, 0],
        ]);
        const gradient = tf.reshape(dy, [-1, outChannels]);
        const seenBy = (row: number, column: number) =>
          tf.stridedSlice(
            padded,
            [0, row, column, 0],
            [
              batchSize,
              row + (outHeight - 1) * strideHeight + 1,
              column + (outWidth - 1) * strideWidth + 1,
              inChannels,
            ],
            [1, strideHeight, strideWidth, 1],
          );
        const taps = Array.from({ length: filterShape[0] * filterShape[1] }, (_, tap) =>
          tf.matMul(
            tf.reshape(seenBy(Math.floor(tap / filterShape[1]), tap % filterShape[1]), [-1, inChannels]),
            gradient,
            true,
            false,
          ),
        );
        return tf.reshape(tf.stack(taps), filterShape);
      });
    },
  };
}
