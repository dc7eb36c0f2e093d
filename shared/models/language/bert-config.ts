import { z } from 'zod';
import { activationNames } from '../blocks/activations.ts';
import type { EncoderNames, EncoderSizes } from './encoder.ts';

const rate = z.number().min(0).lt(1);

/** The keys that BERT, RoBERTa and ELECTRA share in their `config.json`. */
export const bertConfig = {
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  intermediate_size: z.int().positive(),
  hidden_act: z.enum(activationNames).default('gelu'),
  hidden_dropout_prob: rate.default(0.1),
  attention_probs_dropout_prob: rate.default(0.1),
  classifier_dropout: rate.nullish(),
  max_position_embeddings: z.int().positive(),
  type_vocab_size: z.int().positive().default(2),
  initializer_range: z.number().positive().default(0.02),
  layer_norm_eps: z.number().positive().default(1e-12),
  position_embedding_type: z.literal('absolute').nullish(),
  is_decoder: z.literal(false).nullish(),
};
export type BertConfig = z.infer<z.ZodObject<typeof bertConfig>> & { pad_token_id: number };

/** Sizes of a BERT. */
export function bertSizes(config: BertConfig): EncoderSizes {
  return {
    vocabulary: config.vocab_size,
    positions: config.max_position_embeddings,
    types: config.type_vocab_size,
    embeddingSize: config.hidden_size,
    hiddenSize: config.hidden_size,
    blocks: config.num_hidden_layers,
    heads: config.num_attention_heads,
    innerSize: config.intermediate_size,
    activation: config.hidden_act,
    epsilon: config.layer_norm_eps,
    padding: config.pad_token_id,
    positionsAfterPadding: false,
    dropout: {
      hidden: config.hidden_dropout_prob,
      attention: config.attention_probs_dropout_prob,
      attentionOutput: config.hidden_dropout_prob,
      output: config.hidden_dropout_prob,
    },
    deviation: config.initializer_range,
  };
}

export const headDropout = (config: BertConfig) => config.classifier_dropout ?? config.hidden_dropout_prob;

/** Names in a BERT whose modules are below `prefix`. */
export const bertNames = (prefix: string): EncoderNames => ({
  words: `${prefix}.embeddings.word_embeddings`,
  positions: `${prefix}.embeddings.position_embeddings`,
  types: `${prefix}.embeddings.token_type_embeddings`,
  embeddingNorm: `${prefix}.embeddings.LayerNorm`,
  projection: `${prefix}.embeddings_project`,
  block: (number) => `${prefix}.encoder.layer.${number}`,
  query: 'attention.self.query',
  key: 'attention.self.key',
  value: 'attention.self.value',
  attentionOutput: 'attention.output.dense',
  attentionNorm: 'attention.output.LayerNorm',
  up: 'intermediate.dense',
  down: 'output.dense',
  outputNorm: 'output.LayerNorm',
});
