import { beforeAll, describe, expect, it } from 'vitest';
import { runOnce, type Step, type Tensor, type TensorLibrary } from '../../../shared/engines/engine.ts';
import { withFewerReshapes } from '../../../shared/engines/onnx/fewer-reshapes.ts';
import { withJoinedProducts } from '../../../shared/engines/onnx/joined-products.ts';
import { traceGraph } from '../../../shared/engines/onnx/trace.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import { linear } from '../../../shared/models/blocks/linear.ts';

let tf: TensorLibrary;
beforeAll(async () => {
  ({ tf } = await openEngine('cpu'));
});

/** The gradients of a layer that is applied so many times, one after the other; in frequencies as well, where each has a matrix of its own. */
function gradients(library: TensorLibrary, x: Tensor, steps: number): { weight: Tensor; bias: Tensor; each: Tensor } {
  const [rows, size] = x.shape as [number, number];
  const loss = (weight: Tensor, bias: Tensor, each: Tensor) => {
    const layer = linear(library, weight, bias);
    let state = x;
    for (let step = 0; step < steps; step++) {
      const apart = library.matMul(library.reshape(layer(state), [2, rows / 2, size]), each);
      state = library.tanh(library.reshape(apart, [rows, size]));
    }
    return library.sum(library.square(state));
  };
  const start = library.reshape(library.div(library.range(0, size * size), 40), [size, size]);
  const all = library.grads(loss as never)([
    start,
    library.div(library.range(0, size), 10),
    library.stack([start, library.transpose(start)]),
  ]);
  const [weight, bias, each] = all.map((gradient) => library.mul(gradient, 2)) as [Tensor, Tensor, Tensor];
  return { weight, bias, each };
}

const countOf = (steps: number, rows = 6) => {
  const traced = withFewerReshapes(
    traceGraph(tf, ({ x }) => gradients(tf, x!, steps), { x: { shape: [rows, 4], dtype: 'float32' } }),
  );
  const count = (nodes: typeof traced.nodes, wanted: string) =>
    nodes.filter(({ operator }) => operator === wanted).length;
  const joined = withJoinedProducts(traced);
  return {
    nodes: [traced.nodes.length, joined.nodes.length] as const,
    sums: count(traced.nodes, 'Gemm') - count(joined.nodes, 'Gemm'),
    joins: count(joined.nodes, 'Concat') - count(traced.nodes, 'Concat'),
  };
};

describe('a sum of products over many steps', () => {
  it('is one product of what all steps have, side by side', () => {
    const { nodes, sums, joins } = countOf(10);
    expect(sums).toBe(9);
    // What the layer is given, its gradients (for weight and bias), what the frequencies are given, and theirs.
    expect(joins).toBe(4);
    expect(nodes[1]).toBeLessThan(nodes[0] - 60);
  });

  it('stays where there are few steps, or much to be copied', () => {
    const few = countOf(3);
    expect(few.nodes[1]).toBe(few.nodes[0]);
    const large = countOf(4, 2 ** 15);
    expect(large.nodes[1]).toBe(large.nodes[0]);
  });

  it('comes to what the plain engine computes', async () => {
    const x = { shape: [6, 4], data: Float32Array.from({ length: 24 }, (_, index) => Math.sin(index)) };
    const step: Step = (library, { inputs }) => ({ results: { ...gradients(library, inputs.x!, 8) } });
    const [found, expected] = await Promise.all(
      (['onnx', 'cpu'] as const).map(async (name) => runOnce(await openEngine(name), step, new Map([['x', x]]))),
    );
    for (const [name, { data }] of expected!) {
      const values = [...found!.get(name)!.data];
      expect(values, name).toEqual([...data].map((value) => expect.closeTo(value, 5)));
    }
  });
});
