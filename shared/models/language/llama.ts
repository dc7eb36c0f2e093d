import { z } from 'zod';
import { buildDecoder, llamaNames, llamaWeights } from './decoder.ts';
import { decoderConfig, decoderDepth, decoderSizes, headSizeOf, perBlock } from './decoder-config.ts';
import type { LanguageFamily } from './model.ts';
import { rotaryOf } from './rope.ts';

const configSchema = z.looseObject({
  ...decoderConfig,
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
});

/** Llama. Source: Touvron et al. (2023). */
export const llama = {
  kinds: { llama: 'Llama' },
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
    const bias = config.attention_bias ?? false;
    const sizes = {
      ...decoderSizes(config, settings.where),
      blocks: perBlock(config, () => ({ rotary })),
      attentionBiases: [bias, bias] as const,
      gatedBiases: config.mlp_bias ?? false,
    };
    return buildDecoder(llamaNames, sizes, settings);
  },
} satisfies LanguageFamily<z.infer<typeof configSchema>>;
