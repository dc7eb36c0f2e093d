import { describe, expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import type { TextTokenizer } from '../../../shared/datasets/text/tokenizer.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import { readHuggingFace } from '../../../shared/models/hugging-face/folder.ts';
import { tasksOf } from '../../../shared/models/language/registry.ts';
import type { HostTensor } from '../../../shared/tensors/tensor.ts';
import type { LossOptions } from '../../../shared/training/objectives/language.ts';
import { textProblem } from '../../../shared/training/workloads/text-problem.ts';
import { fixturePath, readJsonFixture } from '../../support/fixtures.ts';
import { readIntegers } from '../../support/language-fixture.ts';
import { gradientsOn, norm } from '../../support/language-step.ts';

interface Expected {
  /** Parameters that are 0.4 * sin(place + 1). */
  readonly fresh: readonly string[];
  readonly dropout: number;
  readonly loss: number;
  /** Of tokens that are counted. */
  readonly logits: readonly number[];
  readonly gradNorms: Readonly<Record<string, number>>;
}

const reference = await readJsonFixture<Readonly<Record<string, Expected>>>('models', 'token-classification.json');
const labels = ['a', 'b', 'c'];

/** As in make_token_classification.py. */
function labelsOf({ shape, data }: HostTensor<Int32Array>): HostTensor<Int32Array> {
  const isCounted = (at: number) => data[at] === 1 && at % shape[1]! > 0 && (at * 7 + 3) % 4 < labels.length;
  return { shape, data: data.map((_, at) => (isCounted(at) ? (at * 7 + 3) % 4 : -100)) };
}

async function fixtureOf(name: string, { fresh }: Expected) {
  const folder = fixturePath('models', ...name.split('/'));
  const given = await readIntegers(`${folder}/inputs.safetensors`);
  const model = await readHuggingFace(folder, {
    task: 'token-classification',
    labels,
    random: randomFor(1, 'head'),
    freshScores: true,
  });
  const parameters = new Map(
    [...model.parameters].map(([parameter, { shape, data }]) => [
      parameter,
      { shape, data: fresh.includes(parameter) ? data.map((_, at) => 0.4 * Math.sin(at + 1)) : data },
    ]),
  );
  const kept = [...given].filter(([key]) => !key.startsWith('labels'));
  const inputs = new Map([...kept, ['labels', labelsOf(given.get('attentionMask')!)] as const]);
  return { ...model, parameters, inputs };
}

describe('a classifier of tokens', () => {
  it.each(Object.keys(reference))('%s has the logits, the loss and the gradients of transformers', async (name) => {
    const expected = reference[name]!;
    const fixture = await fixtureOf(name, expected);
    const [batch, tokens] = fixture.inputs.get('inputIds')!.shape as [number, number];
    const results = await gradientsOn(await openEngine('wasm'), fixture);
    const logits = results.get('logits')!;
    expect(logits.shape).toEqual([batch, tokens, labels.length]);
    const counted = [...fixture.inputs.get('labels')!.data].flatMap((label, at) =>
      label < 0 ? [] : [...logits.data.subarray(at * labels.length, (at + 1) * labels.length)],
    );
    expect(counted).toHaveLength(expected.logits.length);
    for (const [at, value] of counted.entries()) {
      expect(Math.abs(value - expected.logits[at]!)).toBeLessThan(1e-4 * Math.max(1, Math.abs(value)));
    }
    expect(Math.abs(results.get('loss')!.data[0]! - expected.loss)).toBeLessThan(1e-5);
    for (const [parameter, size] of Object.entries(expected.gradNorms)) {
      const difference = Math.abs(norm(results.get(parameter)!.data) - size);
      expect(difference, parameter).toBeLessThan(Math.max(2e-4 * size, 2e-6));
    }
    const head = fixture.model.dense.at(-1)!.name;
    const drops = fixture.model.dropoutSites(batch, tokens).filter((site) => site.name === head);
    expect(drops.map(({ rate }) => rate)).toEqual(expected.dropout === 0 ? [] : [expected.dropout]);
  });

  it('counts the words of each part of a batch, or their weights', async () => {
    const { model } = await fixtureOf('bert-tiny', reference['bert-tiny']!);
    const texts = {
      ids: [Int32Array.of(5, 6, 7, 8), Int32Array.of(5, 6, 7)],
      truncated: 0,
      words: {
        starts: [Int32Array.of(1, -1, 3), Int32Array.of(0, 2)],
        tags: [Int32Array.of(0, 1, 2), Int32Array.of(2, 1)],
      },
    };
    const maker = { model, tokenizer: { padId: 0 } as TextTokenizer, texts };
    const partsWith = (loss: LossOptions) =>
      textProblem(maker, { lengths: [4], batchSize: 2, accumulate: 2, loss, seed: 1 }).batches(1)[0]!();
    const parts = await partsWith({});
    const labelsIn = parts.map(({ inputs }) => [...inputs.get('labels')!.data]);
    expect(labelsIn.toSorted((a, b) => a[0]! - b[0]!)).toEqual([
      [-100, 0, -100, 2],
      [2, -100, 1, -100],
    ]);
    expect(parts.map(({ count }) => count)).toEqual([2, 2]);
    const weighed = await partsWith({ classWeights: [1, 10, 100] });
    expect(weighed.map(({ count }) => count).toSorted((a, b) => a - b)).toEqual([101, 110]);
  });

  it('is there for the kinds of which transformers has one', () => {
    const has = (kind: string) => tasksOf(kind).includes('token-classification');
    const kinds = ['bert', 'camembert', 'xlm-roberta', 'electra', 'deberta-v2', 'gpt2', 'gemma2', 'smollm3'];
    expect(kinds.every(has)).toBe(true);
    expect(has('gemma3_text')).toBe(false);
  });
});
