import { describe, expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import { labelsOf, modelOf } from '../../../shared/models/hugging-face/config.ts';
import type { LanguageTask } from '../../../shared/models/language/model.ts';
import { elementCount } from '../../../shared/tensors/tensor.ts';

const bertLike = {
  vocab_size: 30,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 16,
  max_position_embeddings: 12,
};
const distilbert = { vocab_size: 30, dim: 8, n_layers: 2, n_heads: 2, hidden_dim: 16, max_position_embeddings: 12 };
const gpt2 = { vocab_size: 30, n_embd: 8, n_layer: 2, n_head: 2, n_positions: 12 };
const llama = { ...bertLike, attention_dropout: 0.1, num_key_value_heads: 1 };

const { vocab_size, hidden_size, num_hidden_layers, num_attention_heads, intermediate_size } = bertLike;
const modernBert = {
  ...{ vocab_size, hidden_size, num_hidden_layers, num_attention_heads, intermediate_size, pad_token_id: 0 },
  ...{ embedding_dropout: 0.1, attention_dropout: 0.1, mlp_dropout: 0.1, classifier_dropout: 0.1 },
};
const relative = { relative_attention: true, pos_att_type: 'p2c|c2p' };
const albert = {
  ...{ ...bertLike, num_hidden_layers: 4, num_hidden_groups: 2, embedding_size: 4 },
  ...{ hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1 },
};

const cases: readonly (readonly [type: string, task: LanguageTask, settings: Record<string, unknown>])[] = [
  ['bert', 'classification', bertLike],
  ['bert', 'masked-lm', bertLike],
  ['camembert', 'classification', bertLike],
  ['xlm-roberta', 'masked-lm', bertLike],
  ['electra', 'classification', { ...bertLike, embedding_size: 4 }],
  ['electra', 'masked-lm', { ...bertLike, embedding_size: 4 }],
  ['distilbert', 'classification', distilbert],
  ['distilbert', 'masked-lm', distilbert],
  ['modernbert', 'classification', { ...modernBert, classifier_pooling: 'mean' }],
  ['modernbert', 'masked-lm', modernBert],
  ['deberta-v2', 'classification', { ...bertLike, ...relative, conv_kernel_size: 3, pooler_dropout: 0.1 }],
  ['deberta-v2', 'masked-lm', { ...bertLike, ...relative, share_att_key: true, position_biased_input: false }],
  ['mpnet', 'classification', bertLike],
  ['mpnet', 'masked-lm', bertLike],
  ['albert', 'classification', { ...albert, classifier_dropout_prob: 0.2 }],
  ['albert', 'masked-lm', albert],
  ['gpt2', 'causal-lm', gpt2],
  ['llama', 'causal-lm', llama],
  ['qwen2', 'causal-lm', { ...llama, tie_word_embeddings: true }],
  ['mistral', 'causal-lm', { ...llama, sliding_window: 6 }],
];

function build(type: string, task: LanguageTask, settings: Record<string, unknown>) {
  const config = { model_type: type, ...settings };
  return modelOf(config, task, labelsOf(config), 'config.json');
}

describe.each(cases)('%s for %s', (type, task, settings) => {
  it('drops elements exactly where it says', async () => {
    const { tf } = await openEngine('cpu');
    const { model } = build(type, task, settings);
    const parameters = Object.fromEntries(
      [...model.initialise(randomFor(1, 'fresh'))].map(([name, { shape, data }]) => [
        name,
        tf.tensor(data, [...shape]),
      ]),
    );
    const seen: { name: string; shape: number[] }[] = [];
    const batch = {
      inputIds: tf.tensor2d([5, 6, 7, 8, 9, 10], [2, 3], 'int32'),
      attentionMask: tf.ones([2, 3], 'int32'),
      tokenTypeIds: tf.zeros([2, 3], 'int32'),
    };
    const logits = model.forward(tf, parameters, batch, (x, name) => {
      seen.push({ name, shape: x.shape });
      return x;
    });
    expect(logits.shape).toEqual(task === 'classification' ? [2, 2] : [2, 3, 30]);
    const sites = model.dropoutSites(2, 3);
    const listed = new Map(sites.map(({ name, shape }) => [name, shape]));
    expect(listed.size).toBe(sites.length);
    for (const { name, shape } of sites) expect(seen).toContainEqual({ name, shape });
    const never = (name: string) =>
      (type === 'distilbert' && name.endsWith('.attention.out_lin')) ||
      (type === 'albert' && name.endsWith('.ffn_output'));
    expect(seen.filter(({ name }) => !listed.has(name) && !never(name))).toEqual([]);
  });

  it('starts with values of the shapes it says, by the seed', () => {
    const { model } = build(type, task, settings);
    const values = model.initialise(randomFor(1, 'fresh'));
    expect([...values.keys()]).toEqual(model.parameters.map(({ name }) => name));
    for (const { name, shape } of model.parameters) expect(values.get(name)!.data.length).toBe(elementCount(shape));
    expect(model.initialise(randomFor(1, 'fresh'))).toEqual(values);
  });

  it('has in every block layers that all of its parameters follow', () => {
    const { model } = build(type, task, settings);
    const layers = new Set(model.layers.map(({ name }) => name));
    const blockOf = (name: string) => /\.\d+\./.exec(name)?.[0];
    const inBlocks = model.parameters.filter(({ name }) => blockOf(name) !== undefined);
    expect(new Set(inBlocks.map(({ name }) => blockOf(name)))).toEqual(new Set(['.0.', '.1.']));
    for (const { name, layer } of inBlocks) {
      expect(layers, name).toContain(layer);
      expect(blockOf(layer!)).toBe(blockOf(name));
    }
  });
});

it('takes texts no longer than its positions, or its window, reach', () => {
  const longest = (...[type, task, settings]: (typeof cases)[number]) => build(type, task, settings).model.maxTokens;
  expect(longest('bert', 'classification', bertLike)).toBe(12);
  expect(longest('roberta', 'classification', bertLike)).toBe(10);
  expect(longest('mistral', 'causal-lm', { ...llama, sliding_window: 6 })).toBe(6);
});

it('refuses rotary positions of a kind that it does not know', () => {
  const yarn = { ...llama, rope_scaling: { rope_type: 'yarn', factor: 2 } };
  expect(() => build('llama', 'causal-lm', yarn)).toThrow('rotary positions of type yarn are not supported');
});
