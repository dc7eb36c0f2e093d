import { beforeAll, expect, it } from 'vitest';
import type { Tensor, TensorLibrary } from '../../../shared/engines/engine.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import { inPieces } from '../../../shared/models/blocks/in-pieces.ts';

let tf: TensorLibrary;
beforeAll(async () => {
  ({ tf } = await openEngine('cpu'));
});

const rowsOf = (count: number): Tensor =>
  tf.tensor2d(
    Float32Array.from({ length: count * 2 }, (_, at) => Math.sin(at)),
    [count, 2],
  );

it.each([
  { rows: 1000, width: 2 ** 10, pieces: 1 },
  { rows: 1001, width: 2 ** 11, pieces: 4 },
  { rows: 5, width: 2 ** 20, pieces: 5 },
])('computes $rows rows of $width elements in $pieces pieces, with the same values and gradient', (given) => {
  const sizes: number[] = [];
  const squares = (x: Tensor) => {
    sizes.push(x.shape[0]!);
    return tf.square(x);
  };
  const x = rowsOf(given.rows);
  const weights = tf.add(rowsOf(given.rows), 2);
  const result = inPieces(tf, x, given.width, squares);
  expect(sizes).toHaveLength(given.pieces);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(given.rows);
  expect(result.dataSync()).toEqual(tf.square(x).dataSync());
  const gradient = tf.grad((z) => tf.sum(tf.mul(inPieces(tf, z, given.width, squares), weights)))(x);
  expect(gradient.dataSync()).toEqual(tf.mul(tf.mul(x, 2), weights).dataSync());
});
