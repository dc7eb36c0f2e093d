import { expect, it } from 'vitest';
import { ignoredLabel } from '../../../shared/models/blocks/cross-entropy.ts';
import { type HuggingFaceConfig, modelOf } from '../../../shared/models/hugging-face/config.ts';
import { ofTargets, targetLengths } from '../../../shared/training/workloads/target-lengths.ts';
import { textInputs, textProblem } from '../../../shared/training/workloads/text-problem.ts';

const config = {
  ...{ model_type: 't5', vocab_size: 20, d_model: 4, d_kv: 2, d_ff: 4, num_heads: 2, num_layers: 1 },
  ...{ decoder_start_token_id: 2, dropout_rate: 0.1 },
} as HuggingFaceConfig;
const { model } = modelOf(config, 'seq2seq', [], 'config.json');
const row = (length: number, id = 3) => new Int32Array(length).fill(id);
const texts = {
  ids: [row(4), row(8), row(12), row(30)],
  targets: [row(3), row(9, 7), row(2), row(5)],
  truncated: 0,
};
const maker = { model, tokenizer: { padId: 0 } as never, texts };

it('targets have room for the longest of all texts that may be in a batch', () => {
  const lengths = targetLengths(texts, [4, 12, 32]);
  expect([...lengths]).toEqual([
    [4, 8],
    [12, 16],
    [32, 16],
  ]);
  expect(ofTargets({ rows: [0], length: 12 }, lengths)).toEqual({ rows: [0], length: 12, targetLength: 16 });
  expect(targetLengths({ ids: texts.ids }, [4, 32])).toEqual(new Map());
});

it('the decoder is given the start, then what was to be written; padding is not counted', () => {
  const { count, inputs } = textInputs(
    maker,
    { rows: [0, 2], length: 12, targetLength: 4 },
    { seed: 1, epoch: 1, step: 0 },
  );
  expect(count).toBe(5);
  const skip = ignoredLabel;
  expect(inputs.get('labels')).toEqual({ shape: [2, 4], data: Int32Array.of(3, 3, 3, skip, 3, 3, skip, skip) });
  expect(inputs.get('decoderIds')).toEqual({ shape: [2, 4], data: Int32Array.of(2, 3, 3, 3, 2, 3, 3, 0) });
  expect(inputs.get('inputIds')!.shape).toEqual([2, 12]);
});

it('an epoch has a shape for each length of texts, and masks that fit it', async () => {
  const options = { batchSize: 2, accumulate: 1, loss: {}, seed: 1, lengths: [8, 32] };
  const batches = textProblem(maker, options).batches(1);
  const parts = (await Promise.all(batches.map((batch) => batch()))).flat();
  const shapes = parts.map(({ inputs }) => ['inputIds', 'decoderIds'].map((name) => inputs.get(name)!.shape.join()));
  expect(shapes.toSorted()).toEqual([
    ['2,32', '2,16'],
    ['2,8', '2,16'],
  ]);
  for (const { inputs } of parts) {
    const rows = inputs.get('decoderIds')!.shape[1]! * 2;
    expect(inputs.get('dropout/decoder.words')!.shape).toEqual([rows, 4]);
  }
});
