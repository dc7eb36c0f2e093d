import { beforeAll, describe, expect, it } from 'vitest';
import type { NamedTensors, Step, Tensor, TensorLibrary } from '../../../shared/engines/engine.ts';
import { writtenOver } from '../../../shared/engines/onnx/late-updates.ts';
import { trace } from '../../../shared/engines/onnx/trace.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import type { HostTensor } from '../../../shared/tensors/tensor.ts';

let tf: TensorLibrary;
beforeAll(async () => {
  ({ tf } = await openEngine('cpu'));
});

const size = 256;
const large = { shape: [size, size], dtype: 'float32' } as const;
const inputOf = (output: string) => ({ first: 'w1', second: 'w2' })[output];

type Given = Readonly<Record<'w1' | 'w2' | 'x', Tensor>>;

/** Which of the parameters `w1` and `w2` are written over by `first` and `second`. */
function overwritten(step: (given: Given) => NamedTensors) {
  const specs = { w1: large, w2: large, x: { shape: [4, size], dtype: 'float32' } as const };
  const { graph } = trace(tf, step as unknown as (given: NamedTensors) => NamedTensors, specs, { inputOf });
  return writtenOver(graph, inputOf);
}

/** Two layers, their gradients, and the norm of these. */
function learnt({ w1, w2, x }: Given) {
  const gradients = tf.grads((a, b) => tf.sum(tf.square(tf.matMul(tf.sigmoid(tf.matMul(x, a!)), b!))))([w1, w2]);
  const norm = tf.sqrt(tf.addN(gradients.map((gradient) => tf.sum(tf.square(gradient)))));
  return { norm, gradients: gradients as [Tensor, Tensor] };
}

describe('parameters', () => {
  it('are written over where a result says that all of them were read', () => {
    const found = overwritten((given) => {
      const { norm, gradients } = learnt(given);
      const [first, second] = [given.w1, given.w2].map((w, at) => tf.sub(w, tf.mul(gradients[at]!, 0.1)));
      return { first: first!, second: second!, norm };
    });
    expect(found).toEqual(['first', 'second']);
  });

  it('are written over where they shrink before', () => {
    const found = overwritten((given) => {
      const { norm, gradients } = learnt(given);
      return { first: tf.sub(tf.mul(given.w1, 0.9), tf.mul(gradients[0], 0.1)), norm };
    });
    expect(found).toEqual(['first']);
  });

  it('are updated as soon as nothing reads them any more, the last layer first', () => {
    const layers = ['w1', 'w2', 'w3', 'w4', 'w5', 'w6'];
    const specs = Object.fromEntries([...layers.map((name) => [name, large]), ['x', { ...large, shape: [4, size] }]]);
    const step = (given: NamedTensors) => {
      const through = (...weights: Tensor[]) =>
        tf.sum(tf.square(weights.reduce((x, w) => tf.sigmoid(tf.matMul(x, w)), given.x!)));
      const gradients = tf.grads(through)(layers.map((name) => given[name]!));
      const norm = tf.sqrt(tf.addN(gradients.map((gradient) => tf.sum(tf.square(gradient)))));
      const next = layers.map((name, at) => [`next ${name}`, tf.sub(given[name]!, tf.mul(gradients[at]!, 0.1))]);
      return { ...Object.fromEntries(next), norm };
    };
    const inputOfNext = (output: string) => (output.startsWith('next ') ? output.slice(5) : undefined);
    const { graph } = trace(tf, step, specs, { inputOf: inputOfNext });
    const made = graph.nodes.flatMap(({ outputs }) => outputs.filter((name) => name.startsWith('next ')));
    expect(made).toEqual(layers.map((name) => `next ${name}`));
    expect(writtenOver(graph, inputOfNext)).toHaveLength(layers.length);
    const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
    const needed = (names: readonly string[]): Set<unknown> => {
      const found = new Set<unknown>();
      const waiting = names.flatMap((name) => makers.get(name) ?? []);
      for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
        if (found.has(node)) continue;
        found.add(node);
        waiting.push(...node.inputs.flatMap((name) => makers.get(name) ?? []));
      }
      return found;
    };
    const norm = makers.get('norm')!;
    for (const name of layers.slice(1)) {
      expect(needed([`next ${name}`]).has(norm)).toBe(false);
      const before = `next ${layers[layers.indexOf(name) - 1]}`;
      expect(needed([before]).size).toBeGreaterThanOrEqual(needed([`next ${name}`]).size);
    }
  });

  it('take turns where no result tells that they were read', () => {
    const found = overwritten((given) => {
      const { gradients } = learnt(given);
      const [first, second] = [given.w1, given.w2].map((w, at) => tf.sub(w, tf.mul(gradients[at]!, 0.1)));
      return { first: first!, second: second! };
    });
    expect(found).toEqual(['first']);
  });

  it('take turns where what reads them leads to something else', () => {
    const found = overwritten((given) => {
      const { norm, gradients } = learnt(given);
      return { first: tf.sub(given.w1, tf.mul(gradients[0], 0.1)), norm, other: tf.matMul(tf.neg(given.x), given.w1) };
    });
    expect(found).toEqual([]);
  });
});

it('computes the same as an engine without any of this', async () => {
  const numbers = (rows: number, seed: number): HostTensor => ({
    shape: [rows, size],
    data: Float32Array.from({ length: rows * size }, (_, at) => Math.sin(seed + 0.7 * at) / 8),
  });
  const step: Step = (_, { carried, inputs }) => {
    const given = { ...carried, ...inputs } as unknown as Given;
    const { norm, gradients } = learnt(given);
    const [w1, w2] = [given.w1, given.w2].map((w, at) => tf.sub(tf.mul(w, 0.99), tf.mul(gradients[at]!, 0.01)));
    return { carried: { w1: w1!, w2: w2! }, results: { norm } };
  };
  const found: Float32Array[][] = [];
  for (const name of ['cpu', 'onnx'] as const) {
    const engine = await openEngine(name);
    const carried = new Map([
      ['w1', numbers(size, 1)],
      ['w2', numbers(size, 2)],
    ]);
    const loop = await engine.loop(step, { fixed: new Map(), carried });
    const norms: number[] = [];
    for (let seed = 3; seed < 7; seed++)
      norms.push((await loop.run(new Map([['x', numbers(4, seed)]]))).get('norm')!.data[0]!);
    const left = await loop.finish();
    found.push([Float32Array.from(norms), left.get('w1')!.data, left.get('w2')!.data]);
  }
  for (const [place, values] of found[0]!.entries()) {
    const other = found[1]![place]!;
    const largest = Math.max(...values.map(Math.abs));
    expect(Math.max(...values.map((value, at) => Math.abs(value - other[at]!)))).toBeLessThan(1e-5 * largest);
  }
});
