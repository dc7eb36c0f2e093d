import { beforeAll, describe, expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import { type NamedTensors, runOnce, type Step, type TensorLibrary } from '../../../shared/engines/engine.ts';
import { blockedDomain } from '../../../shared/engines/onnx/blocked-convolutions.ts';
import type { Graph } from '../../../shared/engines/onnx/graph.ts';
import { trace } from '../../../shared/engines/onnx/trace.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import { elementCount, type HostTensors } from '../../../shared/tensors/tensor.ts';

interface Case {
  readonly x: readonly [number, number, number, number];
  readonly filter: readonly [number, number, number, number];
  readonly stride: number;
}

const cases: readonly Case[] = [
  { x: [4, 8, 8, 16], filter: [3, 3, 16, 32], stride: 1 },
  { x: [4, 8, 8, 48], filter: [3, 3, 48, 16], stride: 1 },
  { x: [2, 16, 16, 10], filter: [3, 3, 10, 16], stride: 1 },
  { x: [4, 1, 128, 32], filter: [1, 3, 32, 16], stride: 1 },
  { x: [4, 16, 16, 16], filter: [2, 2, 16, 16], stride: 2 },
  { x: [4, 9, 8, 32], filter: [1, 1, 32, 16], stride: 1 },
];

/** A convolution, and both gradients of a number made of it. */
const stepOf =
  (stride: number): Step =>
  (tf, { inputs: { x, filter, dy } }) => {
    const convolve = (...[input, weights]: NamedTensors[string][]) =>
      tf.conv2d(input as never, weights as never, stride, stride === 1 ? 'same' : 'valid');
    const [toInput, toFilter] = tf.grads((...given) => tf.sum(tf.mul(convolve(...given), dy!)))([x!, filter!]);
    return { results: { value: convolve(x!, filter!), toInput: toInput!, toFilter: toFilter! } };
  };

const shapesOf = ({ x: [batch, height, width, channels], filter, stride }: Case) => ({
  x: [batch, height, width, channels],
  filter: [...filter],
  dy: [batch, Math.ceil(height / stride), Math.ceil(width / stride), filter[3]],
});

function drawn(shapes: Readonly<Record<string, readonly number[]>>): HostTensors {
  const random = randomFor(5, 'convolutions');
  return new Map(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      { shape, data: Float32Array.from({ length: elementCount(shape) }, () => random.normal()) },
    ]),
  );
}

let tf: TensorLibrary;
beforeAll(async () => {
  ({ tf } = await openEngine('cpu'));
});

function traced(each: Case, block: number): Graph {
  const specs = Object.entries(shapesOf(each)).map(([name, shape]) => [name, { shape, dtype: 'float32' }] as const);
  const step = (inputs: NamedTensors) => stepOf(each.stride)(tf, { fixed: {}, carried: {}, inputs }).results;
  return trace(tf, step, Object.fromEntries(specs), { block }).graph;
}

const count = (graph: Graph, operator: string, domain?: string) =>
  graph.nodes.filter((node) => node.operator === operator && node.domain === domain).length;

describe('convolutions with channels in blocks', () => {
  it.each(cases)('are those of the plain engine, with gradients: $x by $filter', async (each) => {
    const inputs = drawn(shapesOf(each));
    const expected = await runOnce(await openEngine('cpu'), stepOf(each.stride), inputs);
    const found = await runOnce(await openEngine('onnx'), stepOf(each.stride), inputs);
    for (const [name, { shape, data }] of expected) {
      expect(found.get(name)!.shape).toEqual(shape);
      const largest = Math.max(...data.map(Math.abs));
      for (const [index, value] of data.entries()) {
        expect(Math.abs(found.get(name)!.data[index]! - value)).toBeLessThan(2e-6 * largest);
      }
    }
  });

  it('take the place of all convolutions whose channels are whole blocks, or fewer than one before it', () => {
    for (const each of cases.slice(0, 3)) {
      const [plain, blocked] = [traced(each, 1), traced(each, 16)];
      expect(count(plain, 'Conv')).toBeGreaterThan(0);
      const left = each.filter[2] % 16 === 0 ? 0 : count(plain, 'Conv') - 1;
      expect(count(blocked, 'Conv')).toBe(left);
      expect(count(blocked, 'Conv', blockedDomain)).toBe(count(plain, 'Conv') - left);
    }
  });

  it('read a filter backwards from the filter itself, without the product that turns it around', () => {
    const [plain, blocked] = [traced(cases[0]!, 1), traced(cases[0]!, 16)];
    expect(count(blocked, 'MatMul')).toBe(count(plain, 'MatMul') - 1);
    expect(count(blocked, 'Gather')).toBe(1);
  });

  it('are left alone where channels are no whole blocks', () => {
    const odd: Case = { x: [4, 8, 8, 20], filter: [3, 3, 20, 24], stride: 1 };
    expect(count(traced(odd, 16), 'Conv', blockedDomain)).toBe(0);
    expect(traced(odd, 16).nodes).toEqual(traced(odd, 1).nodes);
  });
});
