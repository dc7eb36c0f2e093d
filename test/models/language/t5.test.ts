import { describe, expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import { toEngine } from '../../../shared/engines/transfer.ts';
import { type HuggingFaceConfig, modelOf } from '../../../shared/models/hugging-face/config.ts';
import { reinitialised } from '../../../shared/models/hugging-face/reinitialise.ts';
import { asTied } from '../../../shared/models/hugging-face/ties.ts';
import { readHuggingFaceWeights } from '../../../shared/models/hugging-face/weights.ts';
import { hasLabels, type LanguageTask } from '../../../shared/models/language/model.ts';
import { textWork } from '../../../shared/models/language/work.ts';
import { newAdapterConfig, usualLora, withLora } from '../../../shared/models/lora.ts';
import { groupLayers } from '../../../shared/schedules/units.ts';
import { bufferSource } from '../../../shared/tensors/byte-source.ts';
import { encodeSafetensors, openSafetensors } from '../../../shared/tensors/safetensors.ts';
import { elementCount, type HostTensors } from '../../../shared/tensors/tensor.ts';
import type { TensorStore } from '../../../shared/tensors/tensor-store.ts';
import { readEncoderFixture } from '../../support/encoder-fixture.ts';
import { refusalOf } from '../../support/text.ts';

const tiny = {
  ...{ model_type: 't5', vocab_size: 20, d_model: 8, d_kv: 3, d_ff: 12, num_heads: 2, num_layers: 2 },
  ...{ num_decoder_layers: 3, decoder_start_token_id: 0 },
};
const modelFor = (config: object, task: LanguageTask = 'seq2seq') =>
  modelOf({ ...tiny, ...config } as HuggingFaceConfig, task, hasLabels(task) ? ['a', 'b'] : [], 'config.json');
const refusal = async (config: object, task?: LanguageTask) =>
  (await refusalOf(Promise.resolve().then(() => modelFor(config, task)))).message;
const sizeOf = ({ parameters }: { parameters: readonly { shape: readonly number[] }[] }) =>
  parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);

const published = {
  ...{ d_model: 512, d_kv: 64, dropout_rate: 0.1, eos_token_id: 1, pad_token_id: 0, decoder_start_token_id: 0 },
  ...{ initializer_factor: 1, is_encoder_decoder: true, layer_norm_epsilon: 1e-6, relative_attention_num_buckets: 32 },
  ...{ num_decoder_layers: null, use_cache: true, task_specific_params: { summarization: { prefix: 'summarize: ' } } },
};
const later = { ...published, d_ff: 1024, num_layers: 8, num_heads: 6, feed_forward_proj: 'gated-gelu' };

describe('configurations', () => {
  it.each([
    [
      { ...published, vocab_size: 32128, d_ff: 2048, num_layers: 6, num_heads: 8, n_positions: 512, output_past: true },
      60_506_624,
    ],
    [
      {
        ...later,
        vocab_size: 32128,
        n_positions: 512,
        tie_word_embeddings: false,
        relative_attention_max_distance: 128,
      },
      76_961_152,
    ],
    [
      { ...later, model_type: 'mt5', vocab_size: 250112, tie_word_embeddings: false, tokenizer_class: 'T5Tokenizer' },
      300_176_768,
    ],
  ])('as they are published have as many parameters as in transformers: %#', (config, count) => {
    expect(sizeOf(modelFor(config).model)).toBe(count);
  });

  it('of a classifier have no scores of words, and a head of two layers', () => {
    const { model } = modelFor({ ...later, vocab_size: 32128, tie_word_embeddings: false }, 'classification');
    expect(sizeOf(model)).toBe(60_775_298);
  });

  it.each([
    [{ is_decoder: true }, 'is_decoder'],
    [{ feed_forward_proj: 'gated-glu' }, 'feed_forward_proj'],
    [{ sliding_window: 4 }, 'sliding_window: 4 is not read'],
    [{ decoder_start_token_id: undefined }, 'decoder_start_token_id'],
    [{ decoder_start_token_id: 20 }, 'decoder_start_token_id is 20, in a vocabulary of 20'],
    [{ feed_forward_proj: 'relu', dense_act_fn: 'silu' }, 'feed_forward_proj is relu, and dense_act_fn is silu'],
    [{ feed_forward_proj: 'gated-gelu', is_gated_act: false }, 'is_gated_act is false'],
    [{ relative_attention_max_distance: 16 }, 'relative_attention_max_distance is 16, and 32 buckets'],
  ])('that ask for something else are refused by the key: %o', async (config, words) => {
    expect(await refusal(config)).toContain(words);
  });

  it('of the kinds for many languages need not name where a decoder begins', () => {
    expect(modelFor({ model_type: 'mt5', decoder_start_token_id: undefined }).model.writing).toEqual({
      start: 0,
      end: 1,
    });
  });

  it.each(['causal-lm', 'masked-lm'] as const)('for %s are refused with the tasks that there are', async (task) => {
    expect(await refusal({}, task)).toContain('It can do classification, seq2seq');
  });

  it('of other kinds have no head that writes', async () => {
    const bert = { model_type: 'bert' } as HuggingFaceConfig;
    const found = await refusalOf(Promise.resolve().then(() => modelOf(bert, 'seq2seq', [], 'config.json')));
    expect(found.message).toContain('for seq2seq, take one of: t5, mt5, umt5');
  });
});

describe('blocks of encoder and decoder', () => {
  const { model, names } = modelFor({ tie_word_embeddings: false });
  const depthOf = (name: string) => model.parameters.find((parameter) => parameter.name === name)!.depth;

  it('lie one above the other', () => {
    expect(
      [
        'shared.weight',
        'encoder.block.0.layer.0.SelfAttention.q.weight',
        'encoder.block.1.layer.1.layer_norm.weight',
        'encoder.final_layer_norm.weight',
        'decoder.block.0.layer.0.layer_norm.weight',
        'decoder.block.2.layer.2.DenseReluDense.wo.weight',
        'decoder.final_layer_norm.weight',
        'lm_head.weight',
      ].map(depthOf),
    ).toEqual([6, 5, 4, 4, 3, 1, 0, 0]);
  });

  it('are groups of their own, whose norms follow a layer of theirs', () => {
    const layers = model.layers.map(({ name }) => ({ name, value: 1, shape: [1, 1] }));
    const groups = groupLayers(layers, 'block');
    expect(groups.map(({ name }) => name)).toEqual([
      'block 0',
      'block 1',
      'block 0 of the decoder',
      'block 1 of the decoder',
      'block 2 of the decoder',
    ]);
    expect(groups.map(({ members }) => members.length)).toEqual([6, 6, 10, 10, 10]);
    for (const { name, layer } of model.parameters) {
      const block = /^\w+\.block\.\d+\./.exec(name)?.[0];
      if (block && layer) expect(layer.startsWith(block), name).toBe(true);
      if (block && /layer_norm/.test(name)) expect(layer, name).toBeDefined();
    }
  });

  it('are drawn anew from the top, without the final norms', () => {
    const anew = reinitialised(model, names, 4);
    expect(anew).toMatchObject({ blocks: 4, of: 5, pooler: false });
    const blocks = new Set(anew.parameters.map((name) => /^\w+\.block\.\d/.exec(name)?.[0]));
    expect([...blocks]).toEqual(['encoder.block.1', 'decoder.block.0', 'decoder.block.1', 'decoder.block.2']);
  });

  it('of another number than the weights have are refused', async () => {
    const file = await storeOf(model.initialise(randomFor(1, 'weights')));
    const config = { ...tiny, num_decoder_layers: 2 } as HuggingFaceConfig;
    const found = await refusalOf(Promise.resolve().then(() => modelOf(config, 'seq2seq', [], 'c', { stored: file })));
    expect(found.message).toContain('num_layers + num_decoder_layers is 4, and the weights in weights have 5 blocks');
  });
});

it('fresh weights are spread as in transformers', () => {
  const { model } = modelFor({ d_model: 64, d_kv: 16, d_ff: 100, num_heads: 4, initializer_factor: 2 });
  const values = model.initialise(randomFor(1, 'fresh'));
  const deviation = (name: string) => {
    const { data } = values.get(name)!;
    return Math.sqrt(data.reduce((sum, value) => sum + value ** 2, 0) / data.length);
  };
  const attention = 'encoder.block.0.layer.0.SelfAttention';
  for (const [name, expected] of [
    ['shared.weight', 2],
    [`${attention}.q.weight`, 2 / Math.sqrt(64 * 16)],
    [`${attention}.k.weight`, 2 / 8],
    [`${attention}.o.weight`, 2 / 8],
    ['decoder.block.0.layer.2.DenseReluDense.wo.weight', 2 / 10],
    ['decoder.final_layer_norm.weight', 2],
  ] as const) {
    expect(deviation(name) / expected, name).toBeCloseTo(1, 1);
  }
});

async function storeOf(tensors: HostTensors): Promise<TensorStore> {
  const file = await openSafetensors(bufferSource('weights', encodeSafetensors(tensors)));
  return file as unknown as TensorStore;
}

describe('the table of embeddings', () => {
  const { model } = modelFor({ tie_word_embeddings: false });
  const values = model.initialise(randomFor(1, 'weights'));
  const table = values.get('shared.weight')!;
  const tied = async (config: object, weights: HostTensors | undefined) => {
    const given = { ...tiny, ...config } as HuggingFaceConfig;
    const { tie_word_embeddings: tie, scale_decoder_outputs: scale } = await asTied(
      given,
      weights && (await storeOf(weights)),
    );
    return { tie, scale };
  };

  it('scores words unless the weights have other scores, whatever the configuration says', async () => {
    expect(await tied({ tie_word_embeddings: false }, values)).toEqual({ tie: false, scale: undefined });
    expect(await tied({}, values)).toEqual({ tie: false, scale: true });
    expect(await tied({ tie_word_embeddings: true, scale_decoder_outputs: false }, values)).toEqual({
      tie: false,
      scale: false,
    });
    expect(await tied({}, new Map([...values, ['lm_head.weight', table]]))).toEqual({
      tie: undefined,
      scale: undefined,
    });
    const without = new Map([...values].filter(([name]) => name !== 'lm_head.weight'));
    expect(await tied({ tie_word_embeddings: false }, without)).toEqual({ tie: true, scale: false });
    expect(await tied({ tie_word_embeddings: false }, undefined)).toEqual({ tie: true, scale: false });
  });
});

describe('classifiers of tokens', () => {
  const { model, names, exported } = modelFor({ decoder_start_token_id: undefined }, 'token-classification');
  const encoderOnly = { is_encoder_decoder: false };

  it('have the encoder and a layer that scores the labels, and say so', () => {
    expect(model.parameters.every(({ name }) => /^(transformer\.(shared|encoder)\.|classifier\.)/.test(name))).toBe(
      true,
    );
    expect(sizeOf(model)).toBe(20 * 8 + 2 * (4 * 8 * 6 + 2 * 8 * 12 + 2 * 8) + 32 * 2 + 8 + 8 * 2 + 2);
    expect(model.attention).toEqual({ blocks: 2, heads: 2, headSize: 3 });
    expect(model.layers).toHaveLength(2 * 6);
    expect(model.end).toBeUndefined();
    expect(exported).toEqual(encoderOnly);
    expect(modelFor(encoderOnly, 'token-classification').model.parameters).toEqual(model.parameters);
  });

  it('draw that layer as transformers does', () => {
    const wide = modelFor({ d_model: 600, initializer_factor: 0.5 }, 'token-classification').model;
    const { data } = wide.initialise(randomFor(1, 'fresh')).get('classifier.weight')!;
    expect(Math.sqrt(data.reduce((sum, value) => sum + value ** 2, 0) / data.length)).toBeCloseTo(0.5, 1);
  });

  it.each(['seq2seq', 'classification'] as const)('begin with the encoder of a model for %s', async (task) => {
    const values = modelFor({ tie_word_embeddings: false }, task).model.initialise(randomFor(2, 'weights'));
    const read = await readHuggingFaceWeights(await storeOf(values), model, names, { random: randomFor(3, 'head') });
    expect(read.fresh).toEqual(['classifier.weight', 'classifier.bias']);
    const prefix = task === 'seq2seq' ? '' : 'transformer.';
    expect(read.parameters.get('transformer.shared.weight')!.data).toEqual(values.get(`${prefix}shared.weight`)!.data);
  });

  it('are read from files of an encoder alone, which serve nothing else', async () => {
    const stored = await storeOf(model.initialise(randomFor(2, 'weights')));
    const given = { ...tiny, ...encoderOnly } as HuggingFaceConfig;
    const built = (config: HuggingFaceConfig, task: LanguageTask) =>
      Promise.resolve().then(() => modelOf(config, task, ['a', 'b'], 'config.json', { stored }));
    expect((await built(given, 'token-classification')).model.parameters).toEqual(model.parameters);
    expect((await refusalOf(built(given, 'seq2seq'))).message).toContain(
      'the weights in weights have an encoder alone, and seq2seq needs a decoder too',
    );
    expect(await refusal(encoderOnly, 'classification')).toContain(
      'is_encoder_decoder is false, and classification needs the decoder',
    );
  });
});

it('weights of a classifier serve a model that writes', async () => {
  const { model, names } = modelFor({});
  const values = modelFor({}, 'classification').model.initialise(randomFor(2, 'weights'));
  const read = await readHuggingFaceWeights(await storeOf(values), model, names, { random: randomFor(3, 'head') });
  expect(read.fresh).toEqual([]);
  expect(read.parameters.get('shared.weight')!.data).toEqual(values.get('transformer.shared.weight')!.data);
});

it('the work of a text counts what is written by its own length', () => {
  const [tokens, targets] = [10, 4];
  const { flops } = textWork(modelFor({ dropout_rate: 0 }).model, tokens, { targets });
  const projections = 4 * 8 * 6;
  const inner = 2 * 8 * 12;
  const encoder = 2 * tokens * (projections + inner);
  const decoder = 3 * (targets * (projections + projections / 2 + inner) + tokens * (projections / 2));
  const attending = 2 * 6 * (2 * tokens ** 2 + 3 * (targets ** 2 + targets * tokens));
  expect(flops).toBe(6 * (encoder + decoder + targets * 8 * 20 + attending));
});

it('an adapter is put on queries and values, and drops as many rows as each layer is given', async () => {
  const { model: base, parameters, inputs } = await readEncoderFixture('t5/t5-tiny', 'seq2seq');
  const settings = { ...usualLora, dropout: 0.25, targets: ['q', 'v'], alsoTrained: [] } as const;
  const config = newAdapterConfig(base, 'base', settings);
  expect(config).toMatchObject({ target_modules: ['q', 'v'], modules_to_save: null });
  expect(config.task_type).toBeUndefined();
  const model = withLora(base, config);
  expect(model.layers).toHaveLength(2 * 2 + 4);
  const { tf } = await openEngine('wasm');
  const { inputIds, attentionMask, decoderIds } = toEngine(tf, inputs);
  const [texts, tokens] = inputIds!.shape as [number, number];
  const sites = model.dropoutSites(texts, tokens, decoderIds!.shape[1]);
  const seen = new Map<string, number[]>();
  const values = { ...toEngine(tf, model.initialise(randomFor(1, 'adapter'))), ...toEngine(tf, parameters) };
  const batch = { inputIds: inputIds!, attentionMask: attentionMask!, decoderIds: decoderIds! };
  model.forward(tf, values, batch, (x, site) => {
    seen.set(site, x.shape);
    return x;
  });
  expect(sites.filter(({ name }) => name.endsWith('lora_dropout'))).toHaveLength(8);
  for (const { name, shape } of sites) expect(seen.get(name), name).toEqual(shape);
});
