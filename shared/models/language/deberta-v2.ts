import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { activationNames } from '../blocks/activations.ts';
import { bertConfig, bertNames, bertSizes } from './bert-config.ts';
import { convolution, disentangled, type RelativeSizes } from './deberta-attention.ts';
import { buildEncoder, type EncoderNames } from './encoder.ts';
import { classifier, embeddingClassifier, maskedWords, tokenClassifier } from './encoder-heads.ts';
import type { LanguageFamily } from './model.ts';

const rate = z.number().min(0).lt(1);
const activation = z.enum(activationNames);
const { classifier_dropout: _, position_embedding_type: __, ...shared } = bertConfig;
const ways = ['c2p', 'p2c'] as const;

/** `p2c|c2p`, as old files have it, or a list. */
const waysSchema = z.preprocess(
  (value) =>
    typeof value === 'string'
      ? value
          .toLowerCase()
          .split('|')
          .map((each) => each.trim())
      : value,
  z.array(z.enum(ways)).nullish(),
);

const configSchema = z.looseObject({
  ...shared,
  type_vocab_size: z.int().nonnegative().default(0),
  layer_norm_eps: z.number().positive().default(1e-7),
  pad_token_id: z.int().nonnegative().default(0),
  embedding_size: z.int().positive().nullish(),
  attention_head_size: z.int().positive().nullish(),
  position_biased_input: z.boolean().default(true),
  relative_attention: z.boolean().default(false),
  max_relative_positions: z.int().default(-1),
  position_buckets: z.int().default(-1),
  pos_att_type: waysSchema,
  share_att_key: z.boolean().default(false),
  norm_rel_ebd: z.enum(['none', 'layer_norm']).default('none'),
  conv_kernel_size: z.int().nonnegative().default(0),
  conv_groups: z.literal(1).default(1),
  conv_act: activation.default('tanh'),
  pooler_dropout: rate.default(0),
  pooler_hidden_act: activation.default('gelu'),
  pooler_hidden_size: z.int().positive().nullish(),
  cls_dropout: rate.nullish(),
  legacy: z.boolean().default(true),
  tie_word_embeddings: z.boolean().nullish(),
});
type Config = z.infer<typeof configSchema>;

const namesOf = ({ position_biased_input: placed, type_vocab_size: types }: Config): EncoderNames => {
  const { positions, types: typeTable, ...names } = bertNames('deberta');
  return {
    ...names,
    ...(placed ? { positions: positions! } : {}),
    ...(types > 0 ? { types: typeTable! } : {}),
    query: 'attention.self.query_proj',
    key: 'attention.self.key_proj',
    value: 'attention.self.value_proj',
  };
};

function relativeOf(config: Config): RelativeSizes | undefined {
  if (!config.relative_attention) return undefined;
  const farthest = config.max_relative_positions < 1 ? config.max_position_embeddings : config.max_relative_positions;
  const buckets = config.position_buckets > 0 ? config.position_buckets : undefined;
  return {
    ways: config.pos_att_type ?? [],
    farthest,
    ...(buckets === undefined ? {} : { buckets }),
    shared: config.share_att_key,
    ...(config.norm_rel_ebd === 'layer_norm' ? { normEpsilon: config.layer_norm_eps } : {}),
  };
}

/** @throws UserError when parts have other sizes than the encoder. */
function refuseOtherSizes(config: Config, where: string): void {
  const { hidden_size: size, num_attention_heads: heads, conv_kernel_size: taps } = config;
  const wanted = { embedding_size: size, pooler_hidden_size: size, attention_head_size: size / heads } as const;
  for (const key of ['embedding_size', 'pooler_hidden_size', 'attention_head_size'] as const) {
    if ((config[key] ?? wanted[key]) === wanted[key]) continue;
    throw new UserError(`${key} is ${config[key]}: other sizes than that of the encoder are not supported`, {
      where,
      remedy: `Only ${wanted[key]} goes with hidden_size ${size} and ${heads} heads.`,
    });
  }
  if (taps > 0 && taps % 2 === 0) {
    throw new UserError(`conv_kernel_size is ${taps}: an even number of taps changes a text's length`, { where });
  }
}

/** DeBERTa of the second and third version. Source: He et al. (ICLR 2021, ICLR 2023). */
export const debertaV2 = {
  kinds: { 'deberta-v2': 'DebertaV2' },
  heads: {
    classification: 'ForSequenceClassification',
    'masked-lm': 'ForMaskedLM',
    'token-classification': 'ForTokenClassification',
  },
  names: {
    prefix: 'deberta.',
    ignored: [
      '*position_ids',
      '*position_embeddings.weight',
      'cls.*',
      'lm_predictions.*',
      'mask_predictions.*',
      'pooler.*',
      'classifier.*',
      'qa_outputs.*',
    ],
  },
  isEncoder: true,
  loraTargets: ['query_proj', 'value_proj'],
  configSchema,
  depth: ({ num_hidden_layers: stored }) => ({ key: 'num_hidden_layers', stored }),
  // The newer head scores by the table without owning it. Told that the two are tied, transformers looks for a weight that is not there.
  exported: ({ legacy }, task) => (task === 'masked-lm' && !legacy ? { tie_word_embeddings: false } : {}),
  build(config, settings) {
    refuseOtherSizes(config, settings.where);
    if (settings.task === 'masked-lm' && config.legacy && config.tie_word_embeddings === false) {
      throw new UserError('tie_word_embeddings is false: scores of words apart from their table are not supported', {
        where: settings.where,
        remedy: 'Take a folder in which they are tied, or legacy: false.',
      });
    }
    const names = namesOf(config);
    const sizes = {
      ...bertSizes(config),
      ...(config.position_biased_input ? {} : { maxTokens: Number.MAX_SAFE_INTEGER }),
    };
    const transform = config.legacy ? 'cls.predictions.transform' : 'lm_predictions.lm_head';
    const head = settings.embedding
      ? embeddingClassifier(sizes.hiddenSize, settings.labels, settings.embedding)
      : settings.task === 'classification'
        ? classifier({
            ...sizes,
            labels: settings.labels,
            dense: 'pooler.dense',
            activation: config.pooler_hidden_act,
            output: 'classifier',
            dropout: config.cls_dropout ?? config.hidden_dropout_prob,
            firstDropout: config.pooler_dropout,
          })
        : settings.task === 'token-classification'
          ? tokenClassifier({ ...sizes, labels: settings.labels, dropout: config.hidden_dropout_prob })
          : maskedWords({
              ...sizes,
              dense: `${transform}.dense`,
              norm: `${transform}.LayerNorm`,
              words: names.words,
              bias: config.legacy ? 'cls.predictions.bias' : 'lm_predictions.lm_head.bias',
            });
    const relative = relativeOf(config);
    const attention = disentangled('deberta.encoder', names, sizes, config.pos_att_type?.length ?? 0, relative);
    const { conv_kernel_size: taps, conv_act: act } = config;
    const addition =
      taps === 0 ? attention : convolution('deberta.encoder.conv', sizes, { taps, activation: act }, attention);
    return buildEncoder(names, sizes, head, settings, addition);
  },
} satisfies LanguageFamily<Config>;
