import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine, Step } from '../../../shared/engines/engine.ts';
import { replacedBy } from '../../../shared/engines/onnx/roles.ts';
import { writeRows } from '../../../shared/engines/onnx/row-sums.ts';
import { trace } from '../../../shared/engines/onnx/trace.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import { lookUp } from '../../../shared/models/blocks/look-up.ts';
import type { MixedTensors } from '../../../shared/tensors/tensor.ts';

const [words, size] = [24, 3];

/** A table and its moment, updated by the gradient of rows that are chosen by number. */
const step: Step = (tf, { carried, inputs }) => {
  const numbers = inputs.numbers!;
  const chosen = (table: Parameters<typeof lookUp>[1]) => tf.sum(tf.square(lookUp(tf, table, numbers, 2)));
  const gradient = tf.grad(chosen)(carried.table!);
  const moment = tf.add(tf.mul(carried.moment!, 0.9), gradient);
  return {
    carried: { moment, table: tf.sub(carried.table!, tf.mul(moment, inputs.rate!)) },
    results: { norm: tf.sum(tf.square(gradient)) },
  };
};

const table = (from: number) => ({
  shape: [words, size],
  data: Float32Array.from({ length: words * size }, (_, index) => Math.sin(from + index)),
});
const inputsOf = (numbers: readonly number[]): MixedTensors =>
  new Map([
    ['numbers', { shape: [numbers.length], data: Int32Array.from(numbers) }] as const,
    ['rate', { shape: [], data: Float32Array.of(0.01) }] as const,
  ]);

let onnx: Engine;
beforeAll(async () => {
  onnx = await openEngine('onnx');
});

function updatesFor(count: number) {
  const { graph, updates } = trace(
    onnx.tf,
    ({ 'carried/table': rows, 'carried/moment': moment, 'inputs/numbers': numbers, 'inputs/rate': rate }) => {
      const given = {
        fixed: {},
        carried: { table: rows!, moment: moment! },
        inputs: { numbers: numbers!, rate: rate! },
      };
      const { carried, results } = step(onnx.tf, given);
      return { 'next/table': carried!.table!, 'next/moment': carried!.moment!, 'results/norm': results.norm! };
    },
    {
      'carried/table': { shape: [words, size], dtype: 'float32' },
      'carried/moment': { shape: [words, size], dtype: 'float32' },
      'inputs/numbers': { shape: [count], dtype: 'int32' },
      'inputs/rate': { shape: [], dtype: 'float32' },
    },
    { inputOf: replacedBy, mostUpdateBytes: 1e6 },
  );
  return { shapes: graph.outputs.map(({ shape }) => shape), updates };
}

describe('the gradient of a table', () => {
  it('leaves the graph as the rows that a batch reaches', () => {
    const { shapes, updates } = updatesFor(4);
    expect(updates.map(({ rowSums }) => rowSums?.length)).toEqual([1]);
    expect(shapes).toEqual([[], [4, size], [4]]);
  });

  it('leaves it as a table where a batch reaches many rows', () => {
    const { shapes, updates } = updatesFor(12);
    expect(updates.map(({ rowSums }) => rowSums)).toEqual([undefined]);
    expect(shapes).toEqual([[], [words, size]]);
  });

  it('comes to what the plain engine computes, step after step, with few rows and with many', async () => {
    const many = Array.from({ length: 12 }, (_, index) => (5 * index) % words);
    const steps = [[3, 7, 3, 2], [7, 7, 7, 7], many, [0, 23, 2, 0], [5], many].map(inputsOf);
    const endOf = async (engine: Engine) => {
      const carried = new Map([
        ['table', table(1)],
        ['moment', table(2)],
      ]);
      const loop = await engine.loop(step, { fixed: new Map(), carried });
      const norms: number[] = [];
      for (const inputs of steps) norms.push((await loop.run(inputs)).get('norm')!.data[0]!);
      const end = await loop.finish();
      await loop.close();
      return [norms, ...[...end.values()].map(({ data }) => [...data])];
    };
    const [computed, expected] = [await endOf(onnx), await endOf(await openEngine('cpu'))];
    expect(computed).toEqual(expected.map((values) => values.map((value) => expect.closeTo(value, 5))));
  });
});

describe('writeRows', () => {
  it('clears what was written before, all of it where that is not known', () => {
    const place = {};
    const written = Float32Array.of(9, 9, 9, 9, 9, 9);
    writeRows(written, 2, Float32Array.of(1, 2, 3, 4), Int32Array.of(2, -1), place);
    expect([...written]).toEqual([0, 0, 0, 0, 1, 2]);
    writeRows(written, 2, Float32Array.of(5, 6, 7, 8), Int32Array.of(0, 1), place);
    expect([...written]).toEqual([5, 6, 7, 8, 0, 0]);
  });
});
