import { z } from 'zod';
import { buildDecoder, llamaNames, llamaWeights } from './decoder.ts';
import { decoderConfig, decoderDepth, decoderSizes, headSizeOf, perBlock } from './decoder-config.ts';
import type { LanguageFamily } from './model.ts';
import { rotaryOf } from './rope.ts';

const configSchema = z.looseObject({
  ...decoderConfig,
  num_key_value_heads: z.int().positive().nullable().default(8),
  sliding_window: z.int().positive().nullable().default(4096),
});

/** Mistral: Llama with a window in every block. Source: Jiang et al. (2023). */
export const mistral = {
  kinds: { mistral: 'Mistral' },
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
    const rotary = rotaryOf(config, { headSize: headSizeOf(config), where: settings.where });
    const window = config.sliding_window ?? undefined;
    const sizes = { ...decoderSizes(config, settings.where), blocks: perBlock(config, () => ({ rotary, window })) };
    return buildDecoder(llamaNames, sizes, settings);
  },
} satisfies LanguageFamily<z.infer<typeof configSchema>>;
