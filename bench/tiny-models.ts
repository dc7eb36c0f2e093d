import type { LanguageTask } from '../shared/models/language/model.ts';

/** A kind of model, small, with what its configuration says besides labels. */
export interface TinyModel {
  readonly type: string;
  /** Apart from others of its type. */
  readonly name?: string;
  readonly tasks: readonly LanguageTask[];
  readonly config: Readonly<Record<string, unknown>>;
}

const vocabulary = { vocab_size: 101, pad_token_id: 1, initializer_range: 0.2 };
const blocks = { hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 48 };
const encoder = { ...vocabulary, ...blocks, max_position_embeddings: 40 };
const bert = { ...encoder, type_vocab_size: 2, layer_norm_eps: 1e-5 };
const deberta = { ...encoder, relative_attention: true, pos_att_type: ['c2p', 'p2c'], type_vocab_size: 0 };
const decoder = { ...encoder, num_key_value_heads: 2, tie_word_embeddings: false };
const tied = { ...decoder, tie_word_embeddings: true };
const gemma = { ...tied, head_dim: 16 };

const scoringTexts = ['classification', 'masked-lm'] as const;
const decoding = ['classification', 'causal-lm'] as const;

/** Every kind of language model, with the settings that make its blocks differ from those of others. */
export const tinyModels: readonly TinyModel[] = [
  { type: 'bert', tasks: scoringTexts, config: bert },
  { type: 'roberta', tasks: scoringTexts, config: bert },
  { type: 'camembert', tasks: scoringTexts, config: bert },
  { type: 'xlm-roberta', tasks: scoringTexts, config: bert },
  { type: 'electra', tasks: scoringTexts, config: { ...bert, embedding_size: 16 } },
  {
    type: 'distilbert',
    tasks: scoringTexts,
    config: {
      ...vocabulary,
      max_position_embeddings: 40,
      dim: 32,
      n_layers: 2,
      n_heads: 4,
      hidden_dim: 48,
      sinusoidal_pos_embds: true,
    },
  },
  {
    type: 'modernbert',
    tasks: scoringTexts,
    config: {
      ...encoder,
      local_attention: 6,
      layer_types: ['full_attention', 'sliding_attention'],
      classifier_pooling: 'mean',
    },
  },
  {
    type: 'deberta-v2',
    name: 'v2',
    tasks: scoringTexts,
    config: { ...deberta, max_relative_positions: 8, conv_kernel_size: 3, conv_act: 'gelu' },
  },
  {
    type: 'deberta-v2',
    name: 'v3',
    tasks: scoringTexts,
    config: {
      ...deberta,
      legacy: false,
      position_biased_input: false,
      position_buckets: 4,
      norm_rel_ebd: 'layer_norm',
      share_att_key: true,
    },
  },
  { type: 'mpnet', tasks: scoringTexts, config: { ...encoder, relative_attention_num_buckets: 32 } },
  {
    type: 'albert',
    tasks: scoringTexts,
    config: { ...bert, embedding_size: 16, num_hidden_layers: 4, num_hidden_groups: 2, inner_group_num: 2 },
  },
  {
    type: 'gpt2',
    tasks: decoding,
    config: { ...vocabulary, n_embd: 32, n_layer: 2, n_head: 4, n_positions: 40 },
  },
  {
    type: 'llama',
    tasks: decoding,
    config: {
      ...decoder,
      rope_parameters: {
        rope_type: 'llama3',
        rope_theta: 500,
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 16,
      },
    },
  },
  { type: 'mistral', tasks: decoding, config: { ...decoder, sliding_window: 5 } },
  { type: 'qwen2', tasks: decoding, config: { ...tied, rope_theta: 500 } },
  {
    type: 'qwen3',
    tasks: decoding,
    config: {
      ...tied,
      head_dim: 16,
      use_sliding_window: true,
      sliding_window: 4,
      layer_types: ['sliding_attention', 'full_attention'],
    },
  },
  { type: 'gemma', tasks: decoding, config: gemma },
  {
    type: 'gemma2',
    tasks: decoding,
    config: {
      ...gemma,
      query_pre_attn_scalar: 12,
      sliding_window: 4,
      attn_logit_softcapping: 2,
      final_logit_softcapping: 3,
    },
  },
  {
    type: 'gemma3_text',
    tasks: decoding,
    config: {
      ...gemma,
      query_pre_attn_scalar: 12,
      sliding_window: 4,
      layer_types: ['sliding_attention', 'full_attention'],
    },
  },
  {
    type: 'phi3',
    tasks: decoding,
    config: { ...decoder, partial_rotary_factor: 0.5, sliding_window: 6 },
  },
  { type: 'smollm3', tasks: decoding, config: { ...tied, no_rope_layer_interval: 2 } },
];
