import type { GradConfig, Tensor } from '@tensorflow/tfjs-core';
import { elementCount } from '../tensors/tensor.ts';
import type { TensorLibrary } from './engine.ts';

/**
 * The gradient of a choice with batch axes as one sum by segments. The library's own makes a sum for each row of the batch: a
 * thousand labels took half a minute to compile.
 */
export function registerBatchedGather(tf: TensorLibrary): void {
  const own = tf.getGradient('GatherV2');
  const gradient: GradConfig = {
    ...own,
    gradFunc(dy, saved, attributes) {
      const [x, indices] = saved as [Tensor, Tensor];
      const { axis, batchDims } = attributes as unknown as { axis: number; batchDims?: number };
      if (!batchDims || axis !== batchDims) return own.gradFunc(dy, saved, attributes);
      const [batch, rows] = [elementCount(x.shape.slice(0, axis)), x.shape[axis]!];
      const rest = x.shape.slice(axis + 1);
      const gradientOfX = () => {
        const first = tf.reshape(tf.range(0, batch * rows, rows, 'int32'), [batch, 1]);
        const places = tf.reshape(tf.add(tf.reshape(indices, [batch, -1]), first), [-1]);
        const sums = tf.unsortedSegmentSum(tf.reshape(dy as Tensor, [-1, ...rest]), places as never, batch * rows);
        return tf.reshape(sums, x.shape);
      };
      return { x: gradientOfX, indices: () => indices };
    },
  };
  tf.registerGradient(gradient);
}
