import type { KernelConfig, Tensor4D } from '@tensorflow/tfjs-core';
import type { TensorLibrary } from '../engine.ts';

interface Attributes {
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number;
  dilations?: [number, number] | number;
}

/** The backend's convolutions go wrong where a filter is shorter than its stride and the padding is `same`: pads first then. */
export function paddedConvolutions(tf: TensorLibrary): KernelConfig[] {
  return ['Conv2D', 'DepthwiseConv2dNative'].map((name) => {
    const kernel = tf.getKernel(name, 'wasm')!;
    return {
      ...kernel,
      kernelFunc(call) {
        const { x, filter } = call.inputs as unknown as { x: Tensor4D; filter: Tensor4D };
        const { strides, pad, dilations } = call.attrs as unknown as Attributes;
        const info = tf.backend_util.computeConv2DInfo(x.shape, filter.shape, strides, dilations ?? 1, pad);
        const short = info.filterHeight < info.strideHeight || info.filterWidth < info.strideWidth;
        if (pad !== 'same' || !short) return kernel.kernelFunc(call);
        const { top, bottom, left, right } = info.padInfo;
        return tf.tidy(() => {
          const padded = tf.pad(x, [
            [0, 0],
            [top, bottom],
            [left, right],
            [0, 0],
          ]);
          const inputs = { x: padded, filter };
          return tf.engine().runKernel(name, inputs, { ...call.attrs, pad: 'valid' });
        });
      },
    };
  });
}
