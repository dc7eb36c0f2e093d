import type { Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Engine,
  type NamedTensors,
  runOnce,
  type Step,
  type TensorLibrary,
} from '../../../../shared/engines/engine.ts';
import { trace } from '../../../../shared/engines/onnx/trace.ts';
import { leastDevice } from '../../../../shared/engines/onnx/webgpu/for-device.ts';
import { openEngine } from '../../../../shared/engines/open-engine.ts';
import { processorAsGpu } from '../../../support/processor-as-gpu.ts';

let plain: Engine;
let tf: TensorLibrary;
beforeAll(async () => {
  plain = await openEngine('cpu');
  tf = plain.tf;
});

const operatorsOf = (pieces: number): string[] => {
  const step = ({ x }: NamedTensors) => ({
    out: tf.addN(tf.split(x!, pieces, 1).map((piece) => tf.exp(piece))),
  });
  const { graph } = trace(tf, step, { x: { shape: [2, 120], dtype: 'float32' } }, { device: leastDevice });
  return graph.nodes.map(({ operator }) => operator).filter((operator) => ['Split', 'Slice'].includes(operator));
};

const grid = new Map([
  ['whole', { shape: [3, 4], data: Int32Array.from({ length: 12 }, (_, index) => index - 5) }],
  ['image', { shape: [2, 48, 48, 2], data: Float32Array.from({ length: 9216 }, (_, index) => (index % 7) - 3) }],
  ['x', { shape: [3, 24], data: Float32Array.from({ length: 72 }, (_, index) => Math.sin(index)) }],
]);

const steps: Readonly<Record<string, Step>> = {
  'pieces of an axis': (tf, { inputs: { x } }) => {
    const pieces = tf.split(x!, [1, 2, 3, 1, 1, 4, 5, 2, 5], 1);
    return { results: Object.fromEntries(pieces.map((piece, index) => [index, piece])) };
  },
  'a part of whole numbers': (tf, { inputs: { whole } }) => ({ results: { part: tf.slice(whole!, [1, 1], [2, 2]) } }),
  'whole numbers backwards, every second': (tf, { inputs: { whole } }) => ({
    results: { part: tf.stridedSlice(whole!, [2, 3], [-4, -5], [-1, -2], 0, 0) },
  }),
  'truth values turned, and a part of them': (tf, { inputs: { whole } }) => {
    const isAbove = tf.greater(whole!, tf.scalar(0, 'int32'));
    const parts = { turned: tf.transpose(isAbove), part: tf.slice(isAbove, [0, 1], [3, 2]) };
    return { results: { turned: tf.cast(parts.turned, 'float32'), part: tf.cast(parts.part, 'float32') } };
  },
  'the gradient of a filter whose stride is its size': (tf, { inputs: { image } }) => {
    const filter = tf.ones([2, 2, 2, 3]) as Tensor4D;
    const slope = tf.grad((taps) => tf.sum(tf.square(tf.conv2d(image as Tensor4D, taps as Tensor4D, 2, 'valid'))));
    return { results: { slope: slope(filter) } };
  },
};

describe('a graph for a GPU', () => {
  it('has pieces that a kernel could not write all at once in pieces of pieces', () => {
    expect(operatorsOf(6)).toEqual(['Split']);
    expect(operatorsOf(8)).toEqual(['Split', 'Split']);
    expect(operatorsOf(24)).toEqual(['Split', 'Split', 'Split', 'Split', 'Split']);
    expect(operatorsOf(120)).toHaveLength(1 + 3 + (7 + 7 + 3));
  });

  it('has blocks of places as channels by a transposition', () => {
    const filter = (image: NamedTensors[string]) =>
      tf.grad((taps) => tf.sum(tf.conv2d(image as Tensor4D, taps as Tensor4D, 2, 'valid')))(tf.ones([2, 2, 2, 3]));
    const specs = { image: { shape: [2, 48, 48, 2], dtype: 'float32' } } as const;
    const operators = (device?: typeof leastDevice) =>
      trace(tf, ({ image }) => ({ slope: filter(image!) }), specs, { device }).graph.nodes.map(
        ({ operator }) => operator,
      );
    expect(operators()).toContain('SpaceToDepth');
    expect(operators(leastDevice)).not.toContain('SpaceToDepth');
  });

  it.each(Object.keys(steps))('gives %s as the plain engine does', async (name) => {
    const found = await runOnce(processorAsGpu(plain), steps[name]!, grid);
    const expected = await runOnce(plain, steps[name]!, grid);
    expect(new Map([...found].sort())).toEqual(new Map([...expected].sort()));
  });
});
