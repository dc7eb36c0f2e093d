import { describe, expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import type { TextTokenizer } from '../../../shared/datasets/text/tokenizer.ts';
import { availableEngines, openEngine } from '../../../shared/engines/open-engine.ts';
import { modelOf } from '../../../shared/models/hugging-face/config.ts';
import { elementCount, type HostTensor } from '../../../shared/tensors/tensor.ts';
import type { LossOptions } from '../../../shared/training/objectives/language.ts';
import { textProblem } from '../../../shared/training/workloads/text-problem.ts';
import { readJsonFixture } from '../../support/fixtures.ts';
import { readLanguageFixture } from '../../support/language-fixture.ts';
import { gradientsOn, largestDifference, norm } from '../../support/language-step.ts';

interface Reference {
  readonly loss: number;
  readonly gradNorms: Readonly<Record<string, number>>;
}

interface Expected {
  readonly labelSets: readonly (readonly number[])[];
  readonly numbers: readonly number[];
  readonly labels: readonly number[];
  readonly classWeights: readonly number[];
  readonly multi_label_classification: Reference;
  readonly regression: Reference;
  readonly weighted: Reference;
  readonly weightedAndSmoothed: Reference;
}

const read = async () => ({
  fixture: await readLanguageFixture('bert-tiny'),
  expected: await readJsonFixture<Expected>('models', 'problem-types.json'),
});

describe.each(availableEngines())('on %s', (engineName) => {
  const cases = ['multi_label_classification', 'regression', 'weighted', 'weightedAndSmoothed'] as const;

  it.each(cases)('%s has the loss and the gradients of the reference', async (name) => {
    const { fixture, expected } = await read();
    const { classWeights, labelSets, numbers } = expected;
    const targets: Record<string, HostTensor<Int32Array | Float32Array>> = {
      multi_label_classification: {
        shape: [labelSets.length, labelSets[0]!.length],
        data: Float32Array.from(labelSets.flat()),
      },
      regression: { shape: [numbers.length], data: Float32Array.from(numbers) },
    };
    const options: LossOptions =
      name === 'weighted'
        ? { classWeights }
        : name === 'weightedAndSmoothed'
          ? { classWeights, labelSmoothing: 0.2 }
          : { problemType: name };
    const inputs = new Map([...fixture.inputs, ...(targets[name] ? [['labels', targets[name]] as const] : [])]);
    const isNumber = name === 'regression';
    const { model } = isNumber ? modelOf(fixture.config, 'classification', ['LABEL_0'], 'bert-tiny') : fixture;
    const parameters = new Map(
      model.parameters.map(({ name: parameter, shape }) => {
        const { data } = fixture.parameters.get(parameter)!;
        return [parameter, { shape, data: data.slice(0, elementCount(shape)) }];
      }),
    );
    const results = await gradientsOn(await openEngine(engineName), { model, parameters, inputs }, options);
    const { loss, gradNorms } = expected[name];
    expect(Math.abs(results.get('loss')!.data[0]! / loss - 1)).toBeLessThan(1e-6);
    expect(Object.keys(gradNorms)).toHaveLength(model.parameters.length);
    for (const [parameter, size] of Object.entries(gradNorms)) {
      const difference = Math.abs(norm(results.get(parameter)!.data) - size);
      expect(difference, parameter).toBeLessThan(Math.max(1e-4 * size, 1e-6));
    }
  });
});

describe('weights of classes', () => {
  it('give a batch in parts the gradient that it has as a whole', async () => {
    const { fixture, expected } = await read();
    const { model, parameters } = fixture;
    const engine = await openEngine('wasm');
    const random = randomFor(3, 'texts');
    const ids = Array.from({ length: 6 }, () => Int32Array.from({ length: 8 }, () => 5 + random.integer(20)));
    const texts = { ids, truncated: 0, labels: Int32Array.of(0, 1, 2, 1, 0, 2) };
    const loss = { classWeights: expected.classWeights, labelSmoothing: 0.1 };
    const maker = { model, tokenizer: { padId: 0 } as TextTokenizer, texts };
    const batchOf = (accumulate: number) =>
      textProblem(maker, { lengths: [8], batchSize: 6, accumulate, loss, seed: 1 }).batches(1)[0]!();
    const gradients = async (accumulate: number) => {
      const parts = await batchOf(accumulate);
      const total = parts.reduce((sum, { count }) => sum + count, 0);
      const sums = new Map<string, Float32Array>();
      for (const { count, inputs } of parts) {
        const tokens = new Map([...inputs].filter(([name]) => !name.startsWith('dropout/')));
        for (const [name, { data }] of await gradientsOn(engine, { model, parameters, inputs: tokens }, loss)) {
          if (name === 'logits') continue;
          const sum = sums.get(name) ?? new Float32Array(data.length);
          sums.set(
            name,
            sum.map((value, at) => value + (data[at]! * count) / total),
          );
        }
      }
      return { parts: parts.length, sums };
    };
    const [whole, parted] = [await gradients(1), await gradients(3)];
    expect([whole.parts, parted.parts]).toEqual([1, 3]);
    for (const [name, sum] of whole.sums) {
      expect(largestDifference(sum, parted.sums.get(name)!), name).toBeLessThan(1e-6);
    }
  });
});
