import type { Tensor, TensorLibrary } from '../../engines/engine.ts';

/** Elements that a sample has of the widest tensor of a piece: 1 MiB, so that pieces of a few samples stay in a processor's cache from one operator to the next. */
const mostElements = 2 ** 18;

/** With fewer pieces the rest of a step weighs more than what is spared. */
const leastPieces = 8;

/**
 * What `compute` makes of each row of `x` `[points * batch, in]`, by pieces of points: operators by element wait for memory where a tensor is too large
 * for the cache. How many pieces there are does not depend on the batch, as a model is written down for any.
 * @param width elements of a row where it is widest
 */
export function inPieces(
  tf: TensorLibrary,
  x: Tensor,
  { points, width }: { readonly points: number; readonly width: number },
  compute: (rows: Tensor) => Tensor,
): Tensor {
  const pieces = Math.ceil((points * width) / mostElements);
  if (pieces < leastPieces) return compute(x);
  const batch = x.shape[0]! / points;
  const most = Math.ceil(points / pieces);
  const sizes = Array.from({ length: Math.ceil(points / most) }, (_, piece) => Math.min(most, points - piece * most));
  const parts = tf.split(
    x,
    sizes.map((size) => size * batch),
  );
  return tf.concat(parts.map(compute), 0);
}
