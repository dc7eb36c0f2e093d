import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { buildDecoder, llamaNames, llamaWeights } from './decoder.ts';
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

const configSchema = z.looseObject({
  ...decoderConfig,
  num_key_value_heads: z.int().positive().nullable().default(4),
  tie_word_embeddings: z.boolean().default(true),
  pad_token_id: z.int().nullable().default(128_004),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  /** For each block, 1 where positions are told and 0 where not. */
  no_rope_layers: z.array(z.union([z.literal(0), z.literal(1)])).nullish(),
  /** The interval of layers without rotary positions, where they are not listed: the last one of each. */
  no_rope_layer_interval: z.int().positive().default(4),
  use_sliding_window: z.boolean().default(false),
  sliding_window: z.int().positive().nullish(),
  layer_types: layerTypesSchema,
  /** A key that is in files and is not used. */
  max_window_layers: z.int().nullish(),
});
type Config = z.infer<typeof configSchema>;

/** Whether positions are told, by block. @throws UserError when the list is too short. */
function toldPositions(config: Config, where: string): boolean[] {
  const { no_rope_layers: listed, no_rope_layer_interval: interval, num_hidden_layers: count } = config;
  if (listed && listed.length < count) {
    throw new UserError(`no_rope_layers has ${listed.length} entries for ${count} blocks (num_hidden_layers)`, {
      where,
    });
  }
  return perBlock(config, (block) => (listed ? listed[block] === 1 : (block + 1) % interval !== 0));
}

/** SmolLM3: Llama with blocks in which positions are not told. Source: Hugging Face (2025). */
export const smollm3 = {
  kinds: { smollm3: 'SmolLM3' },
  heads: {
    classification: 'ForSequenceClassification',
    'causal-lm': 'ForCausalLM',
    'token-classification': 'ForTokenClassification',
  },
  names: llamaWeights,
  loraTargets: ['q_proj', 'v_proj'],
  configSchema,
  depth: decoderDepth,
  build(config, settings) {
    const { where } = settings;
    const rotary = rotaryOf(config, { headSize: headSizeOf(config), where, theta: 2_000_000 });
    const told = toldPositions(config, where);
    const slides = config.use_sliding_window && config.sliding_window != null;
    const types = typesOf(config, where, (block) => (slides && !told[block] ? 'sliding_attention' : 'full_attention'));
    const blocks = types.map((type, block) => ({
      window: windowOf(type, config.sliding_window, where),
      ...(told[block] ? { rotary } : {}),
    }));
    const bias = config.attention_bias ?? false;
    const attentionBiases = [bias, bias] as const;
    const sizes = { ...decoderSizes(config, where), blocks, attentionBiases, gatedBiases: config.mlp_bias ?? false };
    return buildDecoder(llamaNames, sizes, settings);
  },
} satisfies LanguageFamily<Config>;
