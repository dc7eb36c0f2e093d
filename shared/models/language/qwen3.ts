import { z } from 'zod';
import { buildDecoder, llamaNames, llamaWeights } from './decoder.ts';
import { decoderDepth, decoderSizes } from './decoder-config.ts';
import type { LanguageFamily } from './model.ts';
import { qwenBlocks, qwenConfig } from './qwen2.ts';

const configSchema = z.looseObject({
  ...qwenConfig,
  head_dim: z.int().positive().nullable().default(128),
  attention_bias: z.boolean().nullish(),
});

const names = { ...llamaNames, headNorms: ['self_attn.q_norm', 'self_attn.k_norm'] } as const;

/** Qwen3: Qwen2 with norms of each head's query and key. Source: Yang et al. (2025). */
export const qwen3 = {
  kinds: { qwen3: 'Qwen3' },
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
    const bias = config.attention_bias ?? false;
    const sizes = { ...decoderSizes(config, settings.where), blocks, attentionBiases: [bias, bias] as const };
    return buildDecoder(names, sizes, settings);
  },
} satisfies LanguageFamily<z.infer<typeof configSchema>>;
