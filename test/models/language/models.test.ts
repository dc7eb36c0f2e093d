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
  ['gpt2', 'classification', gpt2],
  ...['llama', 'mistral', 'qwen2', 'qwen3', 'gemma', 'gemma2', 'gemma3_text'].map(
    (type) => [type, 'classification', { ...llama, head_dim: 4 }] as const,
  ),
  ['qwen3', 'causal-lm', { ...llama, head_dim: 4 }],
  ['gemma2', 'causal-lm', { ...llama, head_dim: 4 }],
  ['gemma3_text', 'causal-lm', { ...llama, head_dim: 4 }],
  ['phi3', 'classification', { ...llama, pad_token_id: 0, resid_pdrop: 0.1 }],
  ['phi3', 'causal-lm', { ...llama, pad_token_id: null, resid_pdrop: 0.1 }],
  ['smollm3', 'classification', { ...llama, pad_token_id: 0 }],
  ['smollm3', 'causal-lm', { ...llama, pad_token_id: 0 }],
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

it('takes texts no longer than its positions reach, whatever the window', () => {
  const longest = (...[type, task, settings]: (typeof cases)[number]) => build(type, task, settings).model.maxTokens;
  expect(longest('bert', 'classification', bertLike)).toBe(12);
  expect(longest('roberta', 'classification', bertLike)).toBe(10);
  expect(longest('mistral', 'causal-lm', { ...llama, sliding_window: 6 })).toBe(12);
});

describe('the configuration of a decoder', () => {
  const decoder = { ...llama, head_dim: 4, pad_token_id: 0 };
  const building = (type: string, more: Record<string, unknown>) => () =>
    build(type, 'causal-lm', { ...decoder, ...more });

  it.each([
    ['llama', { rope_scaling: { rope_type: 'ntk', factor: 2 } }, 'rotary positions of type ntk are not supported'],
    ['llama', { rope_scaling: { rope_type: 'yarn' } }, 'rotary positions of type yarn need factor'],
    ['llama', { rope_scaling: { type: 'linear', factor: 2, beta_fast: 3 } }, "linear don't look at beta_fast"],
    ['llama', { rope_scaling: { type: 'linear', factor: 2, mrope_section: [2] } }, 'mrope_section'],
    ['llama', { rope_parameters: { rope_theta: 100, partial_rotary_factor: 0.5 } }, 'turns heads as a whole'],
    ['llama', { partial_rotary_factor: 0.5 }, 'partial_rotary_factor: 0.5 is not read for this kind'],
    ['llama', { sliding_window: 6 }, 'sliding_window: 6 is not read for this kind'],
    ['llama', { use_sliding_window: true }, 'use_sliding_window: true is not read for this kind'],
    ['llama', { attn_logit_softcapping: 50 }, 'attn_logit_softcapping: 50 is not read for this kind'],
    ['llama', { is_causal: false }, 'is_causal'],
    ['llama', { num_key_value_heads: 3 }, "2 heads can't share 3 keys evenly"],
    ['llama', { head_dim: 3 }, "3 of the 3 components of a head can't be turned in pairs"],
    ['llama', { pad_token_id: 30 }, 'pad_token_id is 30, in a vocabulary of 30'],
    ['mistral', { layer_types: ['full_attention', 'sliding_attention'] }, 'layer_types'],
    ['qwen2', { attention_bias: true }, 'attention_bias: true is not read for this kind'],
    ['qwen3', { layer_types: ['full_attention', 'sliding_attention'] }, 'there is no window'],
    ['qwen3', { layer_types: ['full_attention'] }, 'layer_types has 1 entries for 2 blocks'],
    ['qwen3', { layer_types: ['full_attention', 'linear_attention'] }, 'layer_types'],
    ['gemma2', { use_bidirectional_attention: true }, 'use_bidirectional_attention'],
    ['gemma3_text', { attn_logit_softcapping: 50 }, 'attn_logit_softcapping: 50 is not read for this kind'],
    ['gemma3_text', { rope_parameters: { rope_theta: 100 } }, 'rope_parameters'],
    ['phi3', { attention_bias: true }, 'attention_bias: true is not read for this kind'],
    ['phi3', { rope_scaling: { type: 'longrope', short_factor: [1], long_factor: [1] } }, 'one for each of 2 pairs'],
    ['smollm3', { no_rope_layers: [1] }, 'no_rope_layers has 1 entries for 2 blocks'],
    ['gemma3', {}, 'models of type "gemma3" are not supported: it takes images too'],
  ] as const)('of %s is refused with %j', (type, more, message) => {
    expect(building(type, more)).toThrow(message);
  });

  it.each([
    ['llama', { rope_scaling: { rope_type: 'dynamic', factor: 2 }, pretraining_tp: 2 }],
    ['llama', { pad_token_id: -1, sliding_window: null, partial_rotary_factor: 1 }],
    ['mistral', { sliding_window: null, layer_types: null }],
    ['gemma', { hidden_activation: 'gelu_pytorch_tanh', hidden_act: 'gelu' }],
    ['gemma3_text', { _sliding_window_pattern: 6, cache_implementation: 'hybrid' }],
    ['phi3', { embd_pdrop: 0.1, full_attn_mod: 1, interpolate_factor: 1, lm_head_bias: false }],
    ['smollm3', { max_window_layers: 28 }],
  ] as const)('of %s is taken with %j', (type, more) => {
    expect(building(type, more)).not.toThrow();
  });
});
