import { z } from 'zod';
import { buildDecoder, type DecoderBlock, llamaNames, llamaWeights } from './decoder.ts';
import {
  decoderConfig,
  decoderDepth,
  decoderSizes,
  headSizeOf,
  layerTypesSchema,
  typesOf,
  windowOf,
} from './decoder-config.ts';
import type { LanguageFamily } from './model.ts';
import { rotaryOf } from './rope.ts';

/** The keys that Qwen2 and Qwen3 share in their `config.json`. */
export const qwenConfig = {
  ...decoderConfig,
  num_key_value_heads: z.int().positive().nullable().default(32),
  use_sliding_window: z.boolean().default(false),
  sliding_window: z.int().positive().nullable().default(4096),
  /** Blocks from this one on have the window. */
  max_window_layers: z.int().nonnegative().default(28),
  layer_types: layerTypesSchema,
};
type QwenConfig = z.infer<z.ZodObject<typeof qwenConfig>>;

/** The blocks of a Qwen. @throws UserError when positions or windows are not supported. */
export function qwenBlocks(config: QwenConfig, where: string): DecoderBlock[] {
  const rotary = rotaryOf(config, { headSize: headSizeOf(config), where });
  const window = config.use_sliding_window ? config.sliding_window : null;
  const types = typesOf(config, where, (block) =>
    window !== null && block >= config.max_window_layers ? 'sliding_attention' : 'full_attention',
  );
  return types.map((type) => ({ rotary, window: windowOf(type, window, where) }));
}

const configSchema = z.looseObject(qwenConfig);

/** Qwen2: Llama with biases of queries, keys and values. Source: Yang et al. (2024). */
export const qwen2 = {
  kinds: { qwen2: 'Qwen2' },
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
    const blocks = qwenBlocks(config, settings.where);
    const sizes = { ...decoderSizes(config, settings.where), blocks, attentionBiases: [true, false] as const };
    return buildDecoder(llamaNames, sizes, settings);
  },
} satisfies LanguageFamily<z.infer<typeof configSchema>>;
