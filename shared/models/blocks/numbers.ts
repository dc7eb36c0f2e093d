import type { Tensor, TensorLibrary } from '../../engines/engine.ts';

/** The whole numbers below `count`, an int32 row `[1, count]`. */
export function numbersBelow(tf: TensorLibrary, count: number): Tensor {
  return tf.tensor2d(
    Int32Array.from({ length: count }, (_, number) => number),
    [1, count],
    'int32',
  );
}

/** 1 where an int32 tensor is this number, else 0, in float32. */
export function isNumber(tf: TensorLibrary, x: Tensor, number: number): Tensor {
  return tf.cast(tf.equal(x, tf.scalar(number, 'int32')), 'float32');
}
