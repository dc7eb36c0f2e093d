/** A kind of model, small, with what its configuration says besides labels. */
export interface TinyModel {
  readonly type: string;
  /** Apart from others of its type. */
  readonly name?: string;
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
const encoderDecoder = {
  ...{
    vocab_size: 101,
    pad_token_id: 1,
    d_model: 32,
    d_kv: 12,
    d_ff: 48,
    num_heads: 4,
    num_layers: 2,
    num_decoder_layers: 3,
  },
  ...{ eos_token_id: 2, decoder_start_token_id: 0, relative_attention_num_buckets: 8 },
  ...{ relative_attention_max_distance: 10, initializer_factor: 0.5 },
};

/** Every kind of language model, with the settings that make its blocks differ from those of others. */
export const tinyModels: readonly TinyModel[] = [
  { type: 'bert', config: bert },
  { type: 'roberta', config: bert },
  { type: 'camembert', config: bert },
  { type: 'xlm-roberta', config: bert },
  { type: 'electra', config: { ...bert, embedding_size: 16 } },
  {
    type: 'distilbert',
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
    config: { ...deberta, max_relative_positions: 8, conv_kernel_size: 3, conv_act: 'gelu' },
  },
  {
    type: 'deberta-v2',
    name: 'v3',
    config: {
      ...deberta,
      legacy: false,
      position_biased_input: false,
      position_buckets: 4,
      norm_rel_ebd: 'layer_norm',
      share_att_key: true,
    },
  },
  { type: 'mpnet', config: { ...encoder, relative_attention_num_buckets: 32 } },
  {
    type: 'albert',
    config: { ...bert, embedding_size: 16, num_hidden_layers: 4, num_hidden_groups: 2, inner_group_num: 2 },
  },
  {
    type: 'gpt2',
    config: { ...vocabulary, n_embd: 32, n_layer: 2, n_head: 4, n_positions: 40 },
  },
  {
    type: 'llama',
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
  { type: 'mistral', config: { ...decoder, sliding_window: 5 } },
  { type: 'qwen2', config: { ...tied, rope_theta: 500 } },
  {
    type: 'qwen3',
    config: {
      ...tied,
      head_dim: 16,
      use_sliding_window: true,
      sliding_window: 4,
      layer_types: ['sliding_attention', 'full_attention'],
    },
  },
  { type: 'gemma', config: gemma },
  {
    type: 'gemma2',
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
    config: {
      ...gemma,
      query_pre_attn_scalar: 12,
      sliding_window: 4,
      layer_types: ['sliding_attention', 'full_attention'],
    },
  },
  {
    type: 'phi3',
    config: { ...decoder, partial_rotary_factor: 0.5, sliding_window: 6 },
  },
  { type: 'smollm3', config: { ...tied, no_rope_layer_interval: 2 } },
  { type: 't5', config: encoderDecoder },
  {
    type: 't5',
    name: 'gated',
    config: { ...encoderDecoder, feed_forward_proj: 'gated-gelu', tie_word_embeddings: false },
  },
  { type: 'mt5', config: { ...encoderDecoder, tie_word_embeddings: false } },
  { type: 'umt5', config: encoderDecoder },
];
