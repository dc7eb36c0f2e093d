import { z } from 'zod';
import { lookUp } from '../blocks/look-up.ts';
import { relativeBuckets } from '../blocks/relative-positions.ts';
import { bertConfig, bertNames, bertSizes } from './bert-config.ts';
import { buildEncoder, type EncoderAddition, type EncoderNames } from './encoder.ts';
import { classifier, embeddingClassifier, maskedWords, tokenClassifier } from './encoder-heads.ts';
import type { LanguageFamily } from './model.ts';
import { embedding } from './modules.ts';

/** Whatever the configuration says: distances have 32 buckets, the last of each side from 128 on, and padding is token 1. */
const [buckets, farthest, padding] = [32, 128, 1];

const { type_vocab_size: _, classifier_dropout: __, position_embedding_type: ___, ...shared } = bertConfig;
const configSchema = z.looseObject({
  ...shared,
  relative_attention_num_buckets: z.int().min(buckets).default(buckets),
  pad_token_id: z.literal(padding).default(padding),
});
type Config = z.infer<typeof configSchema>;

const { types: ____, projection: _____, ...like } = bertNames('mpnet');
const names: EncoderNames = {
  ...like,
  query: 'attention.attn.q',
  key: 'attention.attn.k',
  value: 'attention.attn.v',
  attentionOutput: 'attention.attn.o',
  attentionNorm: 'attention.LayerNorm',
};

/** Every head adds a number of its own to a score, by the distance of the two tokens; it is the same in all blocks. */
function distances(config: Config): EncoderAddition {
  const { num_attention_heads: heads, relative_attention_num_buckets: rows } = config;
  const table = 'mpnet.encoder.relative_attention_bias';
  return {
    modules: [embedding(table, rows, heads)],
    begin({ tf, tokens, parameter }, mask) {
      const numbers = tf.tensor1d(relativeBuckets(tokens, { buckets, farthest, bothSides: true }), 'int32');
      const each = tf.reshape(lookUp(tf, parameter(`${table}.weight`), numbers), [1, tokens, tokens, heads]);
      const plus = tf.add(mask, tf.transpose(each, [0, 3, 1, 2]));
      return { scoresPlus: () => plus };
    },
  };
}

/** MPNet. Source: Song et al. (NeurIPS 2020). */
export const mpnet = {
  kinds: { mpnet: 'MPNet' },
  heads: {
    classification: 'ForSequenceClassification',
    'masked-lm': 'ForMaskedLM',
    'token-classification': 'ForTokenClassification',
  },
  names: {
    prefix: 'mpnet.',
    ignored: ['*position_ids', 'lm_head.*', 'mpnet.pooler.*', 'classifier.*', 'qa_outputs.*'],
  },
  isEncoder: true,
  loraTargets: ['q', 'v'],
  configSchema,
  depth: ({ num_hidden_layers: stored }) => ({ key: 'num_hidden_layers', stored }),
  build(config, settings) {
    const sizes = { ...bertSizes({ ...config, type_vocab_size: 0 }), positionsAfterPadding: true };
    const head = settings.embedding
      ? embeddingClassifier(sizes.hiddenSize, settings.labels, settings.embedding)
      : settings.task === 'classification'
        ? classifier({
            ...sizes,
            labels: settings.labels,
            dense: 'classifier.dense',
            activation: 'tanh',
            output: 'classifier.out_proj',
            dropout: config.hidden_dropout_prob,
            firstDropout: config.hidden_dropout_prob,
          })
        : settings.task === 'token-classification'
          ? tokenClassifier({ ...sizes, labels: settings.labels, dropout: config.hidden_dropout_prob })
          : maskedWords({
              ...sizes,
              dense: 'lm_head.dense',
              activation: 'gelu',
              norm: 'lm_head.layer_norm',
              words: names.words,
              bias: 'lm_head.bias',
            });
    return buildEncoder(names, sizes, head, settings, distances(config));
  },
} satisfies LanguageFamily<Config>;
