import { z } from 'zod';
import { activationNames } from '../blocks/activations.ts';
import { buildEncoder, type EncoderNames, type EncoderSizes } from './encoder.ts';
import { classifier, embeddingClassifier, maskedWords, tokenClassifier } from './encoder-heads.ts';
import type { LanguageFamily } from './model.ts';

const rate = z.number().min(0).lt(1);
const configSchema = z.looseObject({
  vocab_size: z.int().positive(),
  dim: z.int().positive(),
  n_layers: z.int().positive(),
  n_heads: z.int().positive(),
  hidden_dim: z.int().positive(),
  max_position_embeddings: z.int().positive(),
  activation: z.enum(activationNames).default('gelu'),
  dropout: rate.default(0.1),
  attention_dropout: rate.default(0.1),
  seq_classif_dropout: rate.default(0.2),
  sinusoidal_pos_embds: z.boolean().default(false),
  pad_token_id: z.int().nonnegative().default(0),
  initializer_range: z.number().positive().default(0.02),
});
type Config = z.infer<typeof configSchema>;

const names: EncoderNames = {
  words: 'distilbert.embeddings.word_embeddings',
  positions: 'distilbert.embeddings.position_embeddings',
  embeddingNorm: 'distilbert.embeddings.LayerNorm',
  block: (number) => `distilbert.transformer.layer.${number}`,
  query: 'attention.q_lin',
  key: 'attention.k_lin',
  value: 'attention.v_lin',
  attentionOutput: 'attention.out_lin',
  attentionNorm: 'sa_layer_norm',
  up: 'ffn.lin1',
  down: 'ffn.lin2',
  outputNorm: 'output_layer_norm',
};

/** Sines of the even columns' angles and cosines of the odd ones', position / 10000^(2 * floor(column / 2) / size). */
function sinusoids(positions: number, size: number): Float32Array {
  return Float32Array.from({ length: positions * size }, (_, index) => {
    const [position, column] = [Math.floor(index / size), index % size];
    const angle = position / 10000 ** ((2 * Math.floor(column / 2)) / size);
    return column % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
}

/** Every norm has the same epsilon, whatever the configuration says. */
const epsilon = 1e-12;

const sizesOf = (config: Config): EncoderSizes => ({
  vocabulary: config.vocab_size,
  positions: config.max_position_embeddings,
  types: 0,
  embeddingSize: config.dim,
  hiddenSize: config.dim,
  blocks: config.n_layers,
  heads: config.n_heads,
  innerSize: config.hidden_dim,
  activation: config.activation,
  epsilon,
  padding: config.pad_token_id,
  positionsAfterPadding: false,
  dropout: {
    hidden: config.dropout,
    attention: config.attention_dropout,
    attentionOutput: 0,
    output: config.dropout,
  },
  deviation: config.initializer_range,
  ...(config.sinusoidal_pos_embds
    ? { freshPositions: () => sinusoids(config.max_position_embeddings, config.dim) }
    : {}),
});

/** DistilBERT. Source: Sanh et al. (2019). */
export const distilbert = {
  kinds: { distilbert: 'DistilBert' },
  heads: {
    classification: 'ForSequenceClassification',
    'masked-lm': 'ForMaskedLM',
    'token-classification': 'ForTokenClassification',
  },
  names: {
    prefix: 'distilbert.',
    ignored: ['*position_ids', 'vocab_*', 'pre_classifier.*', 'classifier.*', 'qa_outputs.*'],
  },
  isEncoder: true,
  loraTargets: ['q_lin', 'v_lin'],
  configSchema,
  depth: ({ n_layers: stored }) => ({ key: 'n_layers', stored }),
  build(config, settings) {
    const sizes = sizesOf(config);
    const head = settings.embedding
      ? embeddingClassifier(sizes.hiddenSize, settings.labels, settings.embedding)
      : settings.task === 'classification'
        ? classifier({
            ...sizes,
            labels: settings.labels,
            dense: 'pre_classifier',
            activation: 'relu',
            output: 'classifier',
            dropout: config.seq_classif_dropout,
          })
        : settings.task === 'token-classification'
          ? tokenClassifier({ ...sizes, labels: settings.labels, dropout: config.dropout })
          : maskedWords({
              ...sizes,
              dense: 'vocab_transform',
              norm: 'vocab_layer_norm',
              words: names.words,
              bias: 'vocab_projector.bias',
            });
    return buildEncoder(names, sizes, head, settings);
  },
} satisfies LanguageFamily<z.infer<typeof configSchema>>;
