import type { KernelConfig, Tensor4D } from '@tensorflow/tfjs-core';
import type { TensorLibrary } from '../engine.ts';

type Shape4 = [number, number, number, number];

/** 1 where an input channel has to do with an output channel, `[1, 1, channels, channels, 1]`. */
const own = (tf: TensorLibrary, channels: number) => tf.reshape(tf.eye(channels), [1, 1, channels, channels, 1]);

/**
 * Gradients of a convolution of each channel by itself, by way of the full convolution whose filter `[height, width, channels,
 * channels * multiplier]` is 0 between different channels.
 */
export function depthwiseGradients(tf: TensorLibrary): KernelConfig[] {
  const backendName = 'wasm';
  return [
    {
      kernelName: 'DepthwiseConv2dNativeBackpropInput',
      backendName,
      kernelFunc: ({ inputs, attrs }) =>
        tf.tidy(() => {
          const { dy, filter } = inputs as unknown as { dy: Tensor4D; filter: Tensor4D };
          const [height, width, channels, multiplier] = filter.shape;
          const spread = tf.mul(tf.reshape(filter, [height, width, channels, 1, multiplier]), own(tf, channels));
          const full = tf.reshape(spread, [height, width, channels, channels * multiplier]);
          return tf.engine().runKernel('Conv2DBackpropInput', { dy, filter: full }, { ...attrs, dataFormat: 'NHWC' });
        }),
    },
    {
      kernelName: 'DepthwiseConv2dNativeBackpropFilter',
      backendName,
      kernelFunc: ({ inputs, attrs }) =>
        tf.tidy(() => {
          const [height, width, channels, multiplier] = (attrs as unknown as { filterShape: Shape4 }).filterShape;
          const filterShape = [height, width, channels, channels * multiplier];
          const full = tf
            .engine()
            .runKernel('Conv2DBackpropFilter', inputs as never, { ...attrs, filterShape }) as Tensor4D;
          const apart = tf.reshape(full, [height, width, channels, channels, multiplier]);
          return tf.sum(tf.mul(apart, own(tf, channels)), 3);
        }),
    },
  ];
}
