import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { activationNames } from '../blocks/activations.ts';
import type { DecoderBlock, DecoderSizes } from './decoder.ts';
import { tokenDropout, tokenScoresConfig } from './decoder-heads.ts';
import { ropeConfig } from './rope.ts';

const rate = z.number().min(0).lt(1);

/** What all decoders with rotary positions have in their `config.json`; where a kind has a value of its own if it is absent, it says so. */
export const decoderConfig = {
  ...ropeConfig,
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  num_key_value_heads: z.int().positive().nullish(),
  head_dim: z.int().positive().nullish(),
  hidden_act: z.enum(activationNames).default('silu'),
  rms_norm_eps: z.number().positive().default(1e-6),
  attention_dropout: rate.nullish(),
  initializer_range: z.number().nonnegative().default(0.02),
  tie_word_embeddings: z.boolean().default(false),
  pad_token_id: z.int().nullish(),
  is_decoder: z.boolean().nullish(),
  is_causal: z.literal(true).nullish(),
  ...tokenScoresConfig,
  token_classification_bias: z.boolean().default(true),
};
export type DecoderConfig = z.infer<z.ZodObject<typeof decoderConfig>>;

/**
 * The number of padding, where there is one: files of old have -1 for none.
 * @throws UserError when the vocabulary has no such number
 */
export function paddingOf(
  { pad_token_id: number, vocab_size: vocabulary }: Pick<DecoderConfig, 'pad_token_id' | 'vocab_size'>,
  where: string,
): number | undefined {
  if (number == null || number < 0) return undefined;
  if (number < vocabulary) return number;
  throw new UserError(`pad_token_id is ${number}, in a vocabulary of ${vocabulary}`, {
    where,
    remedy: "Set it to the number of the tokenizer's padding; null for none.",
  });
}

/** Sizes of a decoder without anything special. @throws UserError when the number of padding is not in the vocabulary */
export function decoderSizes(config: DecoderConfig, where: string): Omit<DecoderSizes, 'blocks'> {
  return {
    vocabulary: config.vocab_size,
    hiddenSize: config.hidden_size,
    innerSize: config.intermediate_size,
    heads: config.num_attention_heads,
    keyHeads: config.num_key_value_heads ?? config.num_attention_heads,
    headSize: headSizeOf(config),
    maxTokens: config.max_position_embeddings,
    activation: config.hidden_act,
    epsilon: config.rms_norm_eps,
    attentionBiases: [false, false],
    gatedBiases: false,
    isTied: config.tie_word_embeddings,
    padding: paddingOf(config, where),
    dropout: { attention: config.attention_dropout ?? 0 },
    deviation: config.initializer_range,
    ofTokens: { name: 'score', bias: config.token_classification_bias, dropout: tokenDropout(config) },
  };
}

/** Components of a head. */
export const headSizeOf = (config: DecoderConfig): number =>
  config.head_dim ?? Math.floor(config.hidden_size / config.num_attention_heads);

/** The number of blocks that weights are needed for. */
export const decoderDepth = ({ num_hidden_layers: stored }: { num_hidden_layers: number }) => ({
  key: 'num_hidden_layers',
  stored,
});

/** The kinds of attention that a block may have. */
export const layerTypes = ['full_attention', 'sliding_attention'] as const;
export type LayerType = (typeof layerTypes)[number];
export const layerTypesSchema = z.array(z.enum(layerTypes)).nullish();

/** One value for each block. */
export const perBlock = <Value>({ num_hidden_layers: count }: DecoderConfig, of: (block: number) => Value): Value[] =>
  Array.from({ length: count }, (_, number) => of(number));

/**
 * The type of every block: as listed, or by the kind's own rule.
 * @throws UserError when the list is not as long as there are blocks
 */
export function typesOf(
  config: DecoderConfig & { layer_types?: readonly LayerType[] | null | undefined },
  where: string,
  rule: (block: number) => LayerType,
): readonly LayerType[] {
  const { layer_types: listed, num_hidden_layers: count } = config;
  if (!listed) return perBlock(config, rule);
  if (listed.length === count) return listed;
  throw new UserError(`layer_types has ${listed.length} entries for ${count} blocks (num_hidden_layers)`, { where });
}

/**
 * The window of a block.
 * @throws UserError when a block slides one and there is none
 */
export function windowOf(type: LayerType, window: number | null | undefined, where: string): DecoderBlock['window'] {
  if (type === 'full_attention') return undefined;
  if (window != null) return window;
  throw new UserError('layer_types has sliding_attention, and there is no window (sliding_window)', { where });
}
