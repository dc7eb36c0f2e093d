import { z } from 'zod';
import type { Rotary } from '../blocks/rotary.ts';
import { buildDecoder, llamaWeights } from './decoder.ts';
import { decoderDepth, headSizeOf, type LayerType, typesOf, windowOf } from './decoder-config.ts';
import { gemma2Config, gemma2Names, gemma2Sizes } from './gemma.ts';
import type { LanguageFamily } from './model.ts';
import { ropeSchema, rotaryFrom } from './rope.ts';

const configSchema = z.looseObject({
  ...gemma2Config,
  final_logit_softcapping: z.number().positive().nullish(),
  /** Every so manieth block sees all, where the types are not listed. */
  sliding_window_pattern: z.int().positive().default(6),
  /** Blocks that slide a window have positions of their own. */
  rope_parameters: z
    .strictObject({ full_attention: ropeSchema.nullish(), sliding_attention: ropeSchema.nullish() })
    .nullish(),
  rope_local_base_freq: z.number().positive().nullish(),
});
type Config = z.infer<typeof configSchema>;

const names = { ...gemma2Names, headNorms: ['self_attn.q_norm', 'self_attn.k_norm'] } as const;

/** Rotary positions by the type of block. */
function rotariesOf(config: Config, where: string): Readonly<Record<LayerType, Rotary>> {
  const { rope_parameters: given, rope_scaling: old, ...rest } = config;
  const options = { headSize: headSizeOf({ ...rest, rope_parameters: null }), where };
  const far = { ...given?.full_attention, ...old };
  const near = given?.sliding_attention ?? {};
  return {
    full_attention: rotaryFrom(far, rest, { ...options, theta: config.rope_theta ?? 1_000_000 }),
    sliding_attention: rotaryFrom(near, rest, { ...options, theta: config.rope_local_base_freq ?? 10_000 }),
  };
}

/** The text models of Gemma 3: norms of each head's query and key, two kinds of positions. Source: Gemma Team (2025). */
export const gemma3 = {
  kinds: { gemma3_text: 'Gemma3' },
  heads: { classification: 'TextForSequenceClassification', 'causal-lm': 'ForCausalLM' },
  names: llamaWeights,
  loraTargets: ['q_proj', 'v_proj'],
  configSchema,
  depth: decoderDepth,
  build(config, settings) {
    const { where } = settings;
    const { sliding_window_pattern: pattern, final_logit_softcapping: words } = config;
    const rotaries = rotariesOf(config, where);
    const plain = { ...config, rope_parameters: null };
    const types = typesOf(plain, where, (block) => ((block + 1) % pattern ? 'sliding_attention' : 'full_attention'));
    const sizes = {
      ...gemma2Sizes(plain, where),
      blocks: types.map((type) => ({ rotary: rotaries[type], window: windowOf(type, config.sliding_window, where) })),
      caps: { attention: undefined, words: words ?? undefined },
    };
    return buildDecoder(names, sizes, settings);
  },
} satisfies LanguageFamily<Config>;
