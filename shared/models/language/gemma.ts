import { z } from 'zod';
import { activationNames } from '../blocks/activations.ts';
import { buildDecoder, type DecoderSizes, llamaNames, llamaWeights } from './decoder.ts';
import {
  decoderConfig,
  decoderDepth,
  decoderSizes,
  headSizeOf,
  layerTypesSchema,
  perBlock,
  typesOf,
  windowOf,
} from './decoder-config.ts';
import type { LanguageFamily } from './model.ts';
import { rotaryOf } from './rope.ts';

/** The keys that all generations of Gemma share in their `config.json`. */
const gemmaConfig = {
  ...decoderConfig,
  num_key_value_heads: z.int().positive().default(16),
  head_dim: z.int().positive().default(256),
  attention_bias: z.boolean().nullish(),
  tie_word_embeddings: z.boolean().default(true),
  pad_token_id: z.int().nullable().default(0),
  use_bidirectional_attention: z.literal(false).nullish(),
};
type GemmaConfig = z.infer<z.ZodObject<typeof gemmaConfig>>;

/** The keys of the second generation and later ones. */
export const gemma2Config = {
  ...gemmaConfig,
  num_key_value_heads: z.int().positive().default(4),
  /** A key that is in files and is not used; `hidden_activation` is. */
  hidden_act: z.enum(activationNames).default('gelu_pytorch_tanh'),
  hidden_activation: z.enum(activationNames).default('gelu_pytorch_tanh'),
  query_pre_attn_scalar: z.number().positive().default(256),
  sliding_window: z.int().positive().nullable().default(4096),
  layer_types: layerTypesSchema,
};
type Gemma2Config = z.infer<z.ZodObject<typeof gemma2Config>>;

/** Embeddings are multiplied by the root of their size, and norms multiply by 1 + weight. */
function gemmaSizes(config: GemmaConfig, where: string): Omit<DecoderSizes, 'blocks'> {
  const bias = config.attention_bias ?? false;
  return {
    ...decoderSizes(config, where),
    attentionBiases: [bias, bias],
    embeddingScale: Math.sqrt(config.hidden_size),
    normsAddOne: true,
  };
}

/** With a scale of the attention that does not follow from the size of heads. */
export const gemma2Sizes = (config: Gemma2Config, where: string): Omit<DecoderSizes, 'blocks'> => ({
  ...gemmaSizes(config, where),
  activation: config.hidden_activation,
  attentionScale: 1 / Math.sqrt(config.query_pre_attn_scalar),
});

/** Names with norms after attention and after the gated layers. */
export const gemma2Names = {
  ...llamaNames,
  norms: ['input_layernorm', 'pre_feedforward_layernorm'],
  outputNorms: ['post_attention_layernorm', 'post_feedforward_layernorm'],
} as const;

const heads = {
  classification: 'ForSequenceClassification',
  'causal-lm': 'ForCausalLM',
  'token-classification': 'ForTokenClassification',
} as const;
const firstSchema = z.looseObject({
  ...gemmaConfig,
  hidden_act: z.enum(activationNames).default('gelu_pytorch_tanh'),
  /** A key in some files, whose only value is what is computed anyway. */
  hidden_activation: z.literal('gelu_pytorch_tanh').nullish(),
});

/** Gemma. Source: Gemma Team (2024). */
export const gemma = {
  kinds: { gemma: 'Gemma' },
  heads,
  names: llamaWeights,
  loraTargets: ['q_proj', 'v_proj'],
  configSchema: firstSchema,
  depth: decoderDepth,
  build(config, settings) {
    const rotary = rotaryOf(config, { headSize: headSizeOf(config), where: settings.where });
    // Files say gelu, and mean its approximation.
    const activation = config.hidden_act === 'gelu' ? 'gelu_pytorch_tanh' : config.hidden_act;
    const sizes = {
      ...gemmaSizes(config, settings.where),
      activation,
      blocks: perBlock(config, () => ({ rotary })),
    } as const;
    return buildDecoder(llamaNames, sizes, settings);
  },
} satisfies LanguageFamily<z.infer<typeof firstSchema>>;

const secondSchema = z.looseObject({
  ...gemma2Config,
  attn_logit_softcapping: z.number().positive().nullable().default(50),
  final_logit_softcapping: z.number().positive().nullable().default(30),
});

/** Gemma 2: windows in every other block, scores within bounds. Source: Gemma Team (2024). */
export const gemma2 = {
  kinds: { gemma2: 'Gemma2' },
  heads,
  names: llamaWeights,
  loraTargets: ['q_proj', 'v_proj'],
  configSchema: secondSchema,
  depth: decoderDepth,
  build(config, settings) {
    const { where } = settings;
    const rotary = rotaryOf(config, { headSize: headSizeOf(config), where });
    const types = typesOf(config, where, (block) => (block % 2 === 0 ? 'sliding_attention' : 'full_attention'));
    const { attn_logit_softcapping: attention, final_logit_softcapping: words } = config;
    const sizes = {
      ...gemma2Sizes(config, where),
      blocks: types.map((type) => ({ rotary, window: windowOf(type, config.sliding_window, where) })),
      caps: { attention: attention ?? undefined, words: words ?? undefined },
    };
    return buildDecoder(gemma2Names, sizes, settings);
  },
} satisfies LanguageFamily<z.infer<typeof secondSchema>>;
