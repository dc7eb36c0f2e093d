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
  { points: 1000, width: 2 ** 10, pieces: 1 },
  { points: 1001, width: 2 ** 11, pieces: 8 },
  { points: 10, width: 2 ** 20, pieces: 10 },
])('computes $points points of $width elements in $pieces pieces, with the same values and gradient', (given) => {
  const batch = 3;
  const sizes: number[] = [];
  const squares = (x: Tensor) => {
    sizes.push(x.shape[0]!);
    return tf.square(x);
  };
  const x = rowsOf(given.points * batch);
  const weights = tf.add(rowsOf(given.points * batch), 2);
  const result = inPieces(tf, x, given, squares);
  expect(sizes).toHaveLength(given.pieces);
  expect(sizes.every((size) => size % batch === 0)).toBe(true);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(given.points * batch);
  expect(result.dataSync()).toEqual(tf.square(x).dataSync());
  const gradient = tf.grad((z) => tf.sum(tf.mul(inPieces(tf, z, given, squares), weights)))(x);
  expect(gradient.dataSync()).toEqual(tf.mul(tf.mul(x, 2), weights).dataSync());
});
