import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import type { TensorLibrary } from '../../shared/engines/engine.ts';
import { openEngine } from '../../shared/engines/open-engine.ts';

const plainRequire = createRequire(import.meta.url);

/** Ones times [1 2; 3 4; 5 6], and times the same data as [1 2 3; 4 5 6]. Disposes of nothing: the fault corrupts memory. */
function products(tf: TensorLibrary): unknown[] {
  const right = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
  const first = tf.matMul(tf.ones([1, 3]), right).arraySync();
  const second = tf.matMul(tf.ones([1, 2]), tf.reshape(right, [2, 3])).arraySync();
  return [first, second];
}

it('guards against a fault of the bare backend: a reshaped right operand is multiplied in its old packing', async () => {
  const bare = plainRequire('@tensorflow/tfjs') as TensorLibrary;
  plainRequire('@tensorflow/tfjs-backend-wasm');
  bare.enableProdMode();
  await bare.setBackend('wasm');
  const right = [[[9, 12]], [[5, 7, 9]]];
  expect(products(bare)).not.toEqual(right);

  const { tf } = await openEngine('wasm');
  expect(products(tf)).toEqual(right);
});

it('multiplies stacks of which the shorter one repeats as the plain engine does', async () => {
  const [wasm, cpu] = await Promise.all([openEngine('wasm'), openEngine('cpu')]);
  const product = ({ tf }: typeof cpu, left: number[], right: number[]) => {
    const filled = (shape: number[]) =>
      tf.reshape(
        tf.sin(
          tf.range(
            0,
            shape.reduce((all, size) => all * size, 1),
          ),
        ),
        shape,
      );
    return tf.matMul(filled(left), filled(right));
  };
  for (const [left, right] of [
    [
      [1, 3, 8, 20],
      [2, 3, 20, 20],
    ],
    [
      [2, 3, 8, 20],
      [1, 3, 20, 20],
    ],
    [
      [3, 20, 20],
      [2, 3, 20, 20],
    ],
    [
      [2, 1, 8, 20],
      [1, 3, 20, 20],
    ],
  ] as [number[], number[]][]) {
    const [found, expected] = [wasm, cpu].map((engine) => product(engine, left, right));
    expect(found!.shape).toEqual(expected!.shape);
    const values = expected!.dataSync();
    for (const [index, value] of found!.dataSync().entries()) expect(value).toBeCloseTo(values[index]!, 4);
  }
});
