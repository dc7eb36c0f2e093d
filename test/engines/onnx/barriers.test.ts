import { beforeAll, describe, expect, it } from 'vitest';
import { runOnce, type Step, type Tensor, type TensorLibrary } from '../../../shared/engines/engine.ts';
import { withBarriers } from '../../../shared/engines/onnx/barriers.ts';
import { traceGraph } from '../../../shared/engines/onnx/trace.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';

let tf: TensorLibrary;
beforeAll(async () => {
  ({ tf } = await openEngine('cpu'));
});

const operatorsOf = (step: (x: Tensor) => Tensor, shape: readonly number[]) => {
  const graph = traceGraph(tf, ({ x }) => ({ out: step(x!) }), { x: { shape, dtype: 'float32' } });
  return {
    plain: graph.nodes.map(({ operator }) => operator),
    guarded: withBarriers(graph).nodes.map(({ operator }) => operator),
  };
};

describe('barriers for the optimisation of a graph', () => {
  it('keep a large matrix that is turned from being turned behind its reshaping', () => {
    const step = (x: Tensor) => tf.exp(tf.reshape(tf.transpose(tf.reshape(x, [32, 64])), [8, 8, 32]));
    const { plain, guarded } = operatorsOf(step, [4, 8, 64]);
    expect(plain).toEqual(['Reshape', 'Transpose', 'Reshape', 'Exp']);
    expect(guarded).toEqual(['Reshape', 'Transpose', 'Flatten', 'Reshape', 'Exp']);
  });

  it('keep a product of many places from being turned around', () => {
    const step = (x: Tensor) => tf.exp(tf.transpose(tf.matMul(x, tf.ones([256, 64]), true)));
    const { plain, guarded } = operatorsOf(step, [256, 32]);
    expect(plain.slice(-3)).toEqual(['Gemm', 'Transpose', 'Exp']);
    expect(guarded.slice(-4)).toEqual(['Gemm', 'Flatten', 'Transpose', 'Exp']);
  });

  it('are not put at small matrices, at operands of products and at what has more axes', () => {
    for (const [step, shape] of [
      [(x: Tensor) => tf.reshape(tf.transpose(x), [2, 2, 6]), [6, 4]],
      [(x: Tensor) => tf.matMul(tf.ones([3, 64]), tf.transpose(x)), [32, 64]],
      [(x: Tensor) => tf.reshape(tf.transpose(x, [2, 0, 1]), [64, 64]), [8, 8, 64]],
    ] as [(x: Tensor) => Tensor, number[]][]) {
      const { plain, guarded } = operatorsOf(step, shape);
      expect(guarded).toEqual(plain);
    }
  });

  it('change no bit of a result', async () => {
    const x = { shape: [64, 48], data: Float32Array.from({ length: 64 * 48 }, (_, index) => Math.sin(index)) };
    const step: Step = (library, { inputs }) => ({
      results: { turned: library.reshape(library.transpose(inputs.x!), [6, 8, 64]) },
    });
    const [found, expected] = await Promise.all(
      (['onnx', 'cpu'] as const).map(async (name) => runOnce(await openEngine(name), step, new Map([['x', x]]))),
    );
    expect(found).toEqual(expected);
  });
});
