import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { openEngine } from '../../shared/engines/open-engine.ts';
import { toEngine, toHost } from '../../shared/engines/transfer.ts';
import type { ParameterSpec } from '../../shared/tensors/layer.ts';
import type { HostTensors } from '../../shared/tensors/tensor.ts';
import { buildOptimizer, optimizerSchema } from '../../shared/training/optimizers/registry.ts';

type Named = Record<string, number[]>;
const golden = JSON.parse(
  await readFile(new URL('../fixtures/optimizers/adafactor.json', import.meta.url), 'utf8'),
) as {
  learningRate: number;
  weightDecay: number;
  start: Named;
  gradients: Named[];
  after: { scaled: Named[]; unscaled: Named[] };
};

const specs: ParameterSpec[] = [
  { name: 'matrix', shape: [3, 4], decay: true },
  { name: 'kernel', shape: [2, 3, 2], decay: true },
  { name: 'vector', shape: [5], decay: true },
];
const flat = (values: readonly unknown[]) => values.flat(Number.POSITIVE_INFINITY) as number[];
const tensors = (named: Named): HostTensors =>
  new Map(specs.map(({ name, shape }) => [name, { shape, data: Float32Array.from(flat(named[name]!)) }]));

describe('adafactor', () => {
  it.each([
    [true, golden.after.scaled],
    [false, golden.after.unscaled],
  ])('takes the steps of transformers.Adafactor with scaleParameter %s', async (scaleParameter, after) => {
    const { tf } = await openEngine('wasm');
    const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'adafactor', scaleParameter }));
    const every = (value: number) => Object.fromEntries(specs.map(({ name }) => [name, tf.scalar(value)]));
    let [parameters, state] = [toEngine(tf, tensors(golden.start)), toEngine(tf, optimizer.init(specs))];
    for (const [step, gradients] of golden.gradients.entries()) {
      ({ parameters, state } = optimizer.update(tf, specs, parameters, toEngine(tf, tensors(gradients)), state, {
        step: tf.scalar(step + 1),
        learningRates: every(golden.learningRate),
        weightDecays: every(golden.weightDecay),
      }));
      const now = await toHost(parameters, tensors(golden.start).keys());
      for (const { name } of specs) {
        const expected = flat(after[step]![name]!);
        expect([...now.get(name)!.data], name).toEqual(expected.map((value) => expect.closeTo(value, 6)));
      }
    }
  });

  it('keeps one number for each row and column of a matrix', () => {
    const state = buildOptimizer(optimizerSchema.parse({ name: 'adafactor' })).init(specs);
    expect(Object.fromEntries([...state].map(([name, { shape }]) => [name, shape]))).toEqual({
      'secondMomentRows/matrix': [3],
      'secondMomentColumns/matrix': [4],
      'secondMomentRows/kernel': [2, 3],
      'secondMomentColumns/kernel': [2, 2],
      'secondMoment/vector': [5],
    });
  });

  it('keeps the direction of a complex gradient', async () => {
    const { tf } = await openEngine('wasm');
    const complex: ParameterSpec[] = [{ name: 'spectral', shape: [2, 2, 2], decay: false, complex: true }];
    const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'adafactor' }));
    const gradient = { shape: [2, 2, 2], data: Float32Array.of(3, 4, 0.6, -0.8, 1, 0, 0, 2) };
    const zeros = { shape: [2, 2, 2], data: new Float32Array(8) };
    const { parameters } = optimizer.update(
      tf,
      complex,
      toEngine(tf, new Map([['spectral', zeros]])),
      toEngine(tf, new Map([['spectral', gradient]])),
      toEngine(tf, optimizer.init(complex)),
      { step: tf.scalar(1), learningRates: { spectral: tf.scalar(1) }, weightDecays: { spectral: tf.scalar(0) } },
    );
    const moved = (await toHost(parameters, ['spectral'].values())).get('spectral')!.data;
    const angle = (values: ArrayLike<number>, at: number) => Math.atan2(values[at + 1]!, values[at]!);
    for (const at of [0, 2, 4, 6]) {
      expect(Math.cos(angle(moved, at) - angle(gradient.data, at))).toBeCloseTo(-1, 5);
    }
  });
});
