import type { Tensor, TensorLibrary } from '../../engines/engine.ts';

/** Elements of the widest tensor of a piece. 2 MiB stay in a processor's cache from one operator to the next. */
const mostElements = 2 ** 19;

/** With fewer pieces the rest of a step weighs more than what is spared. */
const leastPieces = 4;

/**
 * What `compute` makes of each row of `x` `[rows, in]`, by pieces of rows: operators by element wait for memory where a tensor is too large for the
 * cache.
 * @param width elements of a row where it is widest
 */
export function inPieces(tf: TensorLibrary, x: Tensor, width: number, compute: (rows: Tensor) => Tensor): Tensor {
  const rows = x.shape[0]!;
  const pieces = Math.ceil((rows * width) / mostElements);
  if (pieces < leastPieces) return compute(x);
  const size = Math.ceil(rows / pieces);
  const sizes = Array.from({ length: Math.ceil(rows / size) }, (_, piece) => Math.min(size, rows - piece * size));
  return tf.concat(tf.split(x, sizes).map(compute), 0);
}
