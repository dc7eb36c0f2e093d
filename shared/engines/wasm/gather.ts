import type { KernelConfig, Tensor } from '@tensorflow/tfjs-core';
import type { TensorLibrary } from '../engine.ts';

const count = (sizes: readonly number[]) => sizes.reduce((product, size) => product * size, 1);

/** The backend's own goes wrong with two and more batch axes: they are made part of the axis that is chosen from. */
export function gather(tf: TensorLibrary): KernelConfig {
  const kernel = tf.getKernel('GatherV2', 'wasm')!;
  return {
    ...kernel,
    kernelFunc(call) {
      const { x, indices } = call.inputs as { x: Tensor; indices: Tensor };
      const { axis, batchDims } = call.attrs as unknown as { axis: number; batchDims?: number };
      if (!batchDims || axis !== batchDims) return kernel.kernelFunc(call);
      const [batch, rows] = [count(x.shape.slice(0, axis)), x.shape[axis]!];
      const rest = x.shape.slice(axis + 1);
      return tf.tidy(() => {
        const first = tf.reshape(tf.range(0, batch * rows, rows, 'int32'), [batch, 1]);
        const places = tf.add(tf.reshape(indices, [batch, -1]), first);
        const chosen = tf.gather(tf.reshape(x, [batch * rows, ...rest]), tf.reshape(places, [-1]) as never);
        return tf.reshape(chosen, [...indices.shape, ...rest]);
      });
    },
  };
}
