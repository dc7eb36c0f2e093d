import { beforeAll, describe, expect, it } from 'vitest';
import { runOnce, type Step, type Tensor, type TensorLibrary } from '../../../shared/engines/engine.ts';
import { repeatedIn, withFewerReshapes } from '../../../shared/engines/onnx/fewer-reshapes.ts';
import { traceGraph } from '../../../shared/engines/onnx/trace.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';

let tf: TensorLibrary;
beforeAll(async () => {
  ({ tf } = await openEngine('cpu'));
});

const operatorsOf = (step: (x: Tensor) => Tensor, shape: readonly number[] = [6, 4]) => {
  const graph = traceGraph(tf, ({ x }) => ({ out: step(x!) }), { x: { shape, dtype: 'float32' } });
  return {
    plain: graph.nodes.map(({ operator }) => operator),
    fewer: withFewerReshapes(graph).nodes.map(({ operator }) => operator),
  };
};
const square = (tf: TensorLibrary) => tf.ones([4, 4]);

describe('a graph with fewer reshapes', () => {
  it('computes by element in the shape that the operators around ask for', () => {
    const step = (x: Tensor) => {
      const product = tf.reshape(tf.matMul(x, square(tf)), [2, 3, 4]);
      return tf.matMul(tf.reshape(tf.tanh(tf.add(product, tf.exp(product))), [6, 4]), square(tf));
    };
    const { plain, fewer } = operatorsOf(step);
    expect(plain.filter((operator) => operator === 'Reshape')).toHaveLength(2);
    expect(fewer).toEqual(plain.filter((operator) => operator !== 'Reshape'));
  });

  it('reshapes one operand of a sum where both have shapes of their own', () => {
    const step = (x: Tensor) => {
      const [rows, columns] = [tf.matMul(x, square(tf)), tf.matMul(tf.reshape(x, [4, 6]), tf.ones([6, 6]))];
      return tf.softmax(tf.reshape(tf.add(tf.reshape(rows, [2, 12]), tf.reshape(columns, [2, 12])), [6, 4]));
    };
    const { plain, fewer } = operatorsOf(step);
    expect(plain.filter((operator) => operator === 'Reshape')).toHaveLength(4);
    expect(fewer.filter((operator) => operator === 'Reshape')).toHaveLength(2);
  });

  it('repeats an operand in another shape where that comes to the same elements', () => {
    expect(repeatedIn([4], [2, 3, 4], [6, 4])).toEqual([4]);
    expect(repeatedIn([2, 3, 1], [2, 3, 4], [6, 4])).toEqual([6, 1]);
    expect(repeatedIn([2, 1, 1], [2, 3, 4], [2, 12])).toEqual([2, 1]);
    expect(repeatedIn([3, 4], [2, 3, 4], [2, 2, 6])).toEqual([2, 6]);
    expect(repeatedIn([1, 3, 1], [2, 3, 4], [2, 3, 2, 2])).toEqual([3, 1, 1]);
    expect(repeatedIn([1, 3, 1], [2, 3, 4], [6, 4])).toBeUndefined();
    expect(repeatedIn([4], [2, 3, 4], [8, 3])).toBeUndefined();
  });

  it('keeps the shapes of results, and what an operator sees of a shape', () => {
    const { plain, fewer } = operatorsOf((x) => tf.reshape(tf.exp(tf.reshape(x, [24])), [4, 6]));
    expect(fewer).toEqual(plain);
    const sums = operatorsOf((x) => tf.sum(tf.exp(tf.reshape(x, [8, 3])), 1));
    expect(sums.fewer).toEqual(sums.plain);
  });

  it('changes no bit of a result', async () => {
    const x = { shape: [6, 4], data: Float32Array.from({ length: 24 }, (_, index) => Math.sin(index)) };
    const step: Step = (library, { inputs }) => {
      const given = inputs.x!;
      const rows = library.reshape(library.mul(library.reshape(given, [2, 3, 4]), library.range(1, 5)), [6, 4]);
      const scaled = library.mul(library.reshape(rows, [2, 3, 4]), library.tensor3d([1, 2, 3], [1, 3, 1]));
      const halves = library.mul(library.reshape(scaled, [2, 12]), library.tensor2d([3, 5], [2, 1]));
      const chosen = library.where(library.greater(library.reshape(halves, [24]), 0), library.reshape(rows, [24]), 7);
      return { results: { rows, scaled, halves, chosen, most: library.max(library.reshape(chosen, [3, 8]), 0) } };
    };
    const [found, expected] = await Promise.all(
      (['onnx', 'cpu'] as const).map(async (name) => runOnce(await openEngine(name), step, new Map([['x', x]]))),
    );
    expect(found).toEqual(expected);
  });
});
