import { describe, expect, it } from 'vitest';
import type { TextTokenizer } from '../../../shared/datasets/text/tokenizer.ts';
import { availableEngines, openEngine } from '../../../shared/engines/open-engine.ts';
import { fittedHead } from '../../../shared/models/fitted-head.ts';
import { modelOf } from '../../../shared/models/hugging-face/config.ts';
import type { Embedding } from '../../../shared/models/language/model.ts';
import { lossAndGradients } from '../../../shared/training/gradients.ts';
import { drawnInBody, pairProblem, planPairs } from '../../../shared/training/workloads/few-shot.ts';
import { readJsonFixture } from '../../support/fixtures.ts';
import { readLanguageFixture } from '../../support/language-fixture.ts';
import { norm } from '../../support/language-step.ts';

interface Reference {
  readonly loss: number;
  readonly gradNorms: Readonly<Record<string, number>>;
}
interface Expected {
  readonly pairs: Readonly<Record<'first' | 'second' | 'similar', readonly number[]>>;
  readonly mean: Reference;
  readonly cls: Reference;
}

/** The encoder of bert-tiny with a head on its embeddings, and its texts as pairs. */
async function problemOf(pooling: Embedding['pooling'], accumulate = 1) {
  const { config, inputs, parameters: values } = await readLanguageFixture('bert-tiny');
  const { pairs, ...expected } = await readJsonFixture<Expected>('few-shot', 'pairs.json');
  const embedding = { pooling, normalise: false };
  const { model } = modelOf(
    { ...config, sentence_embedding: embedding },
    'classification',
    ['a', 'b', 'c'],
    'bert-tiny',
  );
  const [rows, tokens] = inputs.get('inputIds')!.shape as [number, number];
  const lists = (name: string) =>
    Array.from({ length: rows }, (_, row) => {
      const masked = inputs.get('attentionMask')!.data.subarray(row * tokens, (row + 1) * tokens);
      return inputs.get(name)!.data.slice(row * tokens, row * tokens + masked.reduce((sum, one) => sum + one, 0));
    });
  const texts = { ids: lists('inputIds'), typeIds: lists('tokenTypeIds'), truncated: 0, labels: new Int32Array(rows) };
  const problem = pairProblem(
    { model, texts, tokenizer: { padId: 0 } as TextTokenizer },
    {
      first: Int32Array.from(pairs.first),
      second: Int32Array.from(pairs.second),
      similar: Float32Array.from(pairs.similar),
    },
    { lengths: [tokens], batchSize: pairs.first.length, accumulate, embedding, seed: 1 },
  );
  return { model, problem, values, expected: expected[pooling as 'mean' | 'cls'] };
}

describe('pairs of texts', () => {
  it.each(availableEngines().flatMap((engine) => [[engine, 'mean'] as const, [engine, 'cls'] as const]))(
    'on %s, by %s, have the loss and the gradients of the reference',
    async (engineName, pooling) => {
      const { model, problem, values, expected } = await problemOf(pooling);
      const { parameters, loss: lossOf, state } = problem.objective;
      expect(state).toEqual(fittedHead(model));
      expect(problem.stepsPerEpoch).toBe(1);
      const [part] = await problem.batches(1)[0]!();
      const engine = await openEngine(engineName);
      // Without dropout, which the masks among the inputs are for.
      const inputs = new Map([...part!.inputs].filter(([name]) => !name.startsWith('dropout/')));
      const loop = await engine.loop(
        (tf, given) => {
          const { loss, gradients } = lossAndGradients(tf, (trained) => lossOf(tf, trained, given, {}), given.carried);
          return { results: { ...gradients, loss } };
        },
        { fixed: new Map(), carried: new Map(parameters.map(({ name }) => [name, values.get(name)!])) },
      );
      const results = await loop.run(inputs);
      await loop.close();
      expect(Math.abs(results.get('loss')!.data[0]! / expected.loss - 1)).toBeLessThan(1e-5);
      expect(Object.keys(expected.gradNorms).toSorted()).toEqual(parameters.map(({ name }) => name).toSorted());
      for (const [name, size] of Object.entries(expected.gradNorms)) {
        const difference = Math.abs(norm(results.get(name)!.data) - size);
        expect(difference, name).toBeLessThan(Math.max(1e-4 * size, 1e-6));
      }
    },
  );

  it('come in another order in every epoch, in parts that are as large as asked for', async () => {
    const { problem } = await problemOf('mean', 2);
    const similarIn = async (epoch: number) => {
      const parts = await problem.batches(epoch)[0]!();
      expect(parts.map(({ count }) => count)).toEqual([3, 2]);
      expect(parts[0]!.inputs.get('inputIds')!.shape[0]).toBe(6);
      return parts.flatMap(({ inputs }) => [...inputs.get('inputIds')!.data]).join();
    };
    expect(problem.inParts).toBe(true);
    expect(await similarIn(1)).toBe(await similarIn(1));
    expect(await similarIn(1)).not.toBe(await similarIn(2));
  });
});

describe('the pairs of a run', () => {
  const rowsOf = (labels: readonly number[], more = {}) => ({
    kind: 'text' as const,
    texts: labels.map((_, row) => `text ${row}`),
    labels: Int32Array.from(labels),
    labelNames: ['a', 'b', 'c'],
    rows: labels.map((_, row) => row + 1),
    unit: 'line' as const,
    ...more,
  });
  const planned = (labels: readonly number[], fewShot = {}, more = {}) =>
    planPairs(rowsOf(labels, more), {
      settings: { fewShot: { sampling: 'oversampling', mostPerLabel: 16, ...fewShot } },
      training: { seed: 1 },
      path: 'texts.csv',
    });

  it('are refused of too many texts, with what to do', () => {
    const many = Array.from({ length: 54 }, (_, row) => row % 3);
    expect(() => planned(many)).toThrow(/more than 16 training texts of the label a, b, c \(up to 18\)/);
    expect(planned(many, { mostPerLabel: 18, maxPairs: 100 }).first).toHaveLength(100);
  });

  it('are refused of second texts, of labels without a text, and where they are very many', () => {
    expect(() => planned([0, 1, 2], {}, { pairs: ['x', 'y', 'z'] })).toThrow('has a second text in each row');
    expect(() => planned([0, 1, 1])).toThrow('no training row has the label c');
    const rows = Array.from({ length: 2400 }, (_, row) => row % 3);
    expect(() => planned(rows, { mostPerLabel: 800 })).toThrow('an epoch would have 3840000 pairs of 2400 texts');
    const more = Array.from({ length: 4200 }, (_, row) => row % 3);
    expect(() => planned(more, { mostPerLabel: 1400, maxPairs: 10 })).toThrow('at most 4096 texts');
  });
});

it('has nothing drawn where the head alone would be', async () => {
  const { model } = await problemOf('mean');
  expect(drawnInBody(['sentence_classifier'], model)).toBeUndefined();
  expect(drawnInBody(['bert.encoder.layer.1', 'sentence_classifier'], model)).toEqual(['bert.encoder.layer.1']);
  expect(drawnInBody('all', model)).toBe('all');
});
