import { beforeAll, describe, expect, it } from 'vitest';
import { type Engine, type NamedTensors, runOnce, type Step } from '../../../shared/engines/engine.ts';
import { trace } from '../../../shared/engines/onnx/trace.ts';
import { leastDevice } from '../../../shared/engines/onnx/webgpu/for-device.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';

let onnx: Engine;
let plain: Engine;
beforeAll(async () => {
  [onnx, plain] = [await openEngine('onnx'), await openEngine('cpu')];
});

const waves = (...shape: number[]) => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((all, each) => all * each, 1) }, (_, at) => Math.sin(1 + at * at)),
});
type Given = Record<string, ReturnType<typeof waves>>;
type Compute = (given: NamedTensors) => NamedTensors;

function graphOf(compute: Compute, given: Given, onDevice = false) {
  const specs = Object.fromEntries(
    Object.entries(given).map(([name, { shape }]) => [name, { shape, dtype: 'float32' as const }]),
  );
  return trace(onnx.tf, compute, specs, onDevice ? { device: leastDevice } : {}).graph;
}

const operatorsOf = (...given: Parameters<typeof graphOf>) => graphOf(...given).nodes.map(({ operator }) => operator);

async function expectSame(compute: (tf: Engine['tf']) => Compute, given: Given, tolerance: number): Promise<void> {
  const step: Step = (tf, { inputs }) => ({ results: compute(tf)(inputs) });
  const inputs = new Map(Object.entries(given));
  const [computed, expected] = [await runOnce(onnx, step, inputs), await runOnce(plain, step, inputs)];
  for (const [name, { data }] of expected) {
    const worst = data.reduce((most, value, at) => Math.max(most, Math.abs(value - computed.get(name)!.data[at]!)), 0);
    expect(worst).toBeLessThanOrEqual(tolerance);
  }
}

describe('a sum of numbers', () => {
  const squares = (tf: Engine['tf']) => (given: NamedTensors) => {
    const each = Object.values(given).map((x): ReturnType<typeof tf.sum> => tf.sum(tf.square(x)));
    const norm = tf.sqrt(each.reduce((sum, square) => tf.add(sum, square)));
    return { norm };
  };
  const given = { a: waves(1), b: waves(1, 1), c: waves(1), d: waves(1) };

  it('is one node, with the same bits', async () => {
    expect(operatorsOf(squares(onnx.tf), given).filter((operator) => /Add|Sum$/.test(operator))).toEqual(['Sum']);
    await expectSame(squares, given, 0);
  });

  it('stays as it is on a GPU, which has no such operator', () => {
    expect(operatorsOf(squares(onnx.tf), given, true)).not.toContain('Sum');
  });
});

describe('rows that are put one behind the other as lists', () => {
  const behind =
    (tf: Engine['tf']) =>
    ({ x, y }: NamedTensors) => {
      const sums = [2, 3, 4, 5].map((factor) => tf.matMul(tf.ones([1, 4]), tf.mul(x!, factor)));
      return { list: tf.concat([...sums.map((row) => tf.reshape(row, [-1])), tf.reshape(y!, [-1])] as never) };
    };
  const given = { x: waves(4, 6), y: waves(2, 3) };

  it('are put side by side, and made a list once', async () => {
    const { nodes } = graphOf(behind(onnx.tf), given);
    expect(nodes.filter(({ operator }) => operator === 'Reshape')).toHaveLength(2);
    expect(nodes.find(({ operator }) => operator === 'Concat')!.attributes).toEqual({ axis: 1 });
    await expectSame(behind, given, 1e-5);
  });
});

describe('what is added to a product of matrices', () => {
  const sums =
    (tf: Engine['tf']) =>
    ({ x, w, bias, rest }: NamedTensors) => ({
      moved: tf.add(tf.matMul(x!, w!), bias!),
      both: tf.add(tf.add(tf.matMul(x!, w!, false, true), rest!), tf.matMul(tf.neg(x!), w!)),
    });
  const large = { x: waves(512, 128), w: waves(128, 128), bias: waves(128), rest: waves(512, 128) };
  const small = { x: waves(4, 3), w: waves(3, 3), bias: waves(3), rest: waves(4, 3) };

  it('is part of it on a GPU', () => {
    expect(operatorsOf(sums(onnx.tf), small, true).sort()).toEqual(['Gemm', 'Gemm', 'Gemm', 'Neg']);
  });

  it('is added to large ones by itself on the processor, where ONNX Runtime would make it part of a product', async () => {
    expect(operatorsOf(sums(onnx.tf), large).filter((operator) => operator === 'MatMul')).toEqual([]);
    expect(operatorsOf(sums(onnx.tf), small).filter((operator) => operator === 'MatMul')).toHaveLength(2);
    await expectSame(sums, large, 1e-4);
  });
});
