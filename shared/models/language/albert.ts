import { z } from 'zod';
import { bertConfig, bertNames, bertSizes } from './bert-config.ts';
import { buildEncoder, type EncoderNames } from './encoder.ts';
import { classifier, embeddingClassifier, maskedWords, tokenClassifier } from './encoder-heads.ts';
import type { LanguageFamily } from './model.ts';

const { classifier_dropout: _, ...shared } = bertConfig;
const rate = z.number().min(0).lt(1);
const configSchema = z.looseObject({
  ...shared,
  embedding_size: z.int().positive().default(128),
  num_hidden_groups: z.int().positive().default(1),
  inner_group_num: z.int().positive().default(1),
  hidden_act: bertConfig.hidden_act.unwrap().default('gelu_new'),
  hidden_dropout_prob: rate.default(0),
  attention_probs_dropout_prob: rate.default(0),
  classifier_dropout_prob: rate.default(0.1),
  pad_token_id: z.int().nonnegative().default(0),
  /** Of the authors' own code, in published files; other values never came to be. */
  down_scale_factor: z.literal(1).nullish(),
  gap_size: z.literal(0).nullish(),
  net_structure_type: z.literal(0).nullish(),
  num_memory_blocks: z.literal(0).nullish(),
});
type Config = z.infer<typeof configSchema>;

/** Layers in a row take the weights of one group, which may be of several blocks, each applied in turn. */
function namesOf({
  num_hidden_layers: layers,
  num_hidden_groups: groups,
  inner_group_num: inner,
}: Config): EncoderNames {
  return {
    ...bertNames('albert'),
    projection: 'albert.encoder.embedding_hidden_mapping_in',
    block(number) {
      const group = Math.trunc(Math.floor(number / inner) / (layers / groups));
      return `albert.encoder.albert_layer_groups.${group}.albert_layers.${number % inner}`;
    },
    query: 'attention.query',
    key: 'attention.key',
    value: 'attention.value',
    attentionOutput: 'attention.dense',
    attentionNorm: 'attention.LayerNorm',
    up: 'ffn',
    down: 'ffn_output',
    outputNorm: 'full_layer_layer_norm',
  };
}

/** ALBERT: blocks share their weights. Source: Lan et al. (ICLR 2020). */
export const albert = {
  kinds: { albert: 'Albert' },
  heads: {
    classification: 'ForSequenceClassification',
    'masked-lm': 'ForMaskedLM',
    'token-classification': 'ForTokenClassification',
  },
  names: {
    prefix: 'albert.',
    ignored: [
      '*position_ids',
      '*token_type_ids',
      'predictions.*',
      'sop_classifier.*',
      'albert.pooler.*',
      'classifier.*',
      'qa_outputs.*',
    ],
  },
  isEncoder: true,
  loraTargets: ['query', 'value'],
  configSchema,
  depth: ({ num_hidden_groups: stored, num_hidden_layers: layers, inner_group_num: inner }) => ({
    key: 'num_hidden_groups',
    stored,
    computed: layers * inner,
  }),
  build(config, settings) {
    const names = namesOf(config);
    const bert = bertSizes(config);
    const sizes = {
      ...bert,
      embeddingSize: config.embedding_size,
      alwaysProjected: true,
      blocks: config.num_hidden_layers * config.inner_group_num,
      dropout: { ...bert.dropout, output: 0 },
    };
    const head = settings.embedding
      ? embeddingClassifier(sizes.hiddenSize, settings.labels, settings.embedding)
      : settings.task === 'classification'
        ? classifier({
            ...sizes,
            labels: settings.labels,
            dense: 'albert.pooler',
            activation: 'tanh',
            output: 'classifier',
            dropout: config.classifier_dropout_prob,
            pooled: true,
          })
        : settings.task === 'token-classification'
          ? tokenClassifier({ ...sizes, labels: settings.labels, dropout: config.classifier_dropout_prob })
          : maskedWords({
              ...sizes,
              dense: 'predictions.dense',
              norm: 'predictions.LayerNorm',
              words: names.words,
              bias: 'predictions.bias',
            });
    return buildEncoder(names, sizes, head, settings);
  },
} satisfies LanguageFamily<Config>;
