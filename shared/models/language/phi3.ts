import { z } from 'zod';
import { buildDecoder, llamaNames, llamaWeights } from './decoder.ts';
import { decoderConfig, decoderDepth, decoderSizes, headSizeOf, perBlock } from './decoder-config.ts';
import type { LanguageFamily } from './model.ts';
import { type RopeParameters, rotaryOf } from './rope.ts';

const rate = z.number().min(0).lt(1);
const configSchema = z.looseObject({
  ...decoderConfig,
  original_max_position_embeddings: z.number().positive().nullable().default(4096),
  partial_rotary_factor: z.number().positive().max(1).nullish(),
  rms_norm_eps: z.number().positive().default(1e-5),
  pad_token_id: z.int().nullable().default(32_000),
  sliding_window: z.int().positive().nullish(),
  resid_pdrop: rate.default(0),
  /** A key that is in files and is not used. */
  embd_pdrop: rate.nullish(),
  full_attn_mod: z.literal(1).nullish(),
  interpolate_factor: z.literal(1).nullish(),
});
type Config = z.infer<typeof configSchema>;

const names = { ...llamaNames, projections: ['self_attn.qkv_proj'], gated: ['mlp.gate_up_proj'] } as const;

/** LongRoPE had other names once. */
function withCurrentType(given: RopeParameters, part: number | null | undefined): RopeParameters {
  const type = given.rope_type ?? given.type ?? 'default';
  const partial = given.partial_rotary_factor ?? part;
  return { ...given, partial_rotary_factor: partial, rope_type: ['su', 'yarn'].includes(type) ? 'longrope' : type };
}

function rotaryIn(config: Config, where: string) {
  const { rope_scaling: old, rope_parameters: current, partial_rotary_factor: part } = config;
  const given = old && Object.keys(old).length > 0 ? old : (current ?? {});
  const described = { ...config, rope_scaling: null, rope_parameters: withCurrentType(given, part) };
  return rotaryOf(described, { headSize: headSizeOf(config), where, isPartial: true });
}

/** Phi-3, and Phi-4 with its layout: one layer for queries, keys and values, and one for gate and up. Source: Abdin et al. (2024). */
export const phi3 = {
  kinds: { phi3: 'Phi3' },
  heads: {
    classification: 'ForSequenceClassification',
    'causal-lm': 'ForCausalLM',
    'token-classification': 'ForTokenClassification',
  },
  names: llamaWeights,
  loraTargets: ['qkv_proj'],
  configSchema,
  depth: decoderDepth,
  build(config, settings) {
    const rotary = rotaryIn(config, settings.where);
    const window = config.sliding_window ?? undefined;
    const base = decoderSizes(config, settings.where);
    const sizes = {
      ...base,
      blocks: perBlock(config, () => ({ rotary, window })),
      dropout: { ...base.dropout, residual: config.resid_pdrop },
    };
    return buildDecoder(names, sizes, settings);
  },
} satisfies LanguageFamily<Config>;
