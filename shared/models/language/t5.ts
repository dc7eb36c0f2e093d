import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { activationNames } from '../blocks/activations.ts';
import { isNumber } from '../blocks/numbers.ts';
import {
  buildEncoderDecoder,
  buildEncoderHalf,
  type EncoderDecoderNames,
  type EncoderDecoderSizes,
} from './encoder-decoder.ts';
import { classifier, tokenClassifier } from './encoder-heads.ts';
import { hasLabels, type LanguageFamily, type LanguageSettings, type LanguageTask } from './model.ts';
import { lastOf } from './pool.ts';

const rate = z.number().min(0).lt(1);
/** `relu`, or with a gate `gated-silu`. */
const projection = z.templateLiteral([z.enum(['', 'gated-']), z.enum(activationNames)]);
/** A key about the longest texts, which nothing is computed by. */
const unread = z.unknown().optional();

const configSchema = z.looseObject({
  vocab_size: z.int().positive(),
  d_model: z.int().positive(),
  d_kv: z.int().positive(),
  d_ff: z.int().positive(),
  num_layers: z.int().positive(),
  num_decoder_layers: z.int().positive().nullish(),
  num_heads: z.int().positive(),
  relative_attention_num_buckets: z.int().min(4).default(32),
  relative_attention_max_distance: z.int().positive().default(128),
  dropout_rate: rate.default(0.1),
  classifier_dropout: rate.default(0),
  layer_norm_epsilon: z.number().positive().default(1e-6),
  initializer_factor: z.number().positive().default(1),
  feed_forward_proj: projection.optional(),
  dense_act_fn: z.enum(activationNames).optional(),
  is_gated_act: z.boolean().optional(),
  is_encoder_decoder: z.boolean().default(true),
  is_decoder: z.literal(false).default(false),
  tie_word_embeddings: z.boolean().nullish(),
  scale_decoder_outputs: z.boolean().nullish(),
  pad_token_id: z.int().nonnegative().default(0),
  eos_token_id: z.int().nonnegative().default(1),
  decoder_start_token_id: z.int().nonnegative().optional(),
  n_positions: unread,
  max_new_tokens: unread,
});
type Config = z.infer<typeof configSchema>;

/** The properties in which the kinds differ. */
interface Kind {
  readonly projection: NonNullable<Config['feed_forward_proj']>;
  /** Absent: `config.json` has to name it. */
  readonly start?: number;
  readonly tableInEveryBlock?: boolean;
  /** Whether the decoder's output is multiplied by d_model ** -0.5 before words are scored. */
  readonly scales: (config: Config) => boolean;
}

const kinds: Readonly<Record<string, Kind>> = {
  t5: {
    projection: 'relu',
    scales: ({ scale_decoder_outputs: scales, tie_word_embeddings: tied }) => scales ?? tied !== false,
  },
  mt5: { projection: 'gated-gelu', start: 0, scales: () => false },
  umt5: { projection: 'gated-gelu', start: 0, tableInEveryBlock: true, scales: () => true },
};

/** Names of the modules in `T5ForConditionalGeneration`; in classifiers, of texts or of tokens, they have a prefix. */
const namesOf = (prefix: string, isGated: boolean): EncoderDecoderNames => ({
  words: `${prefix}shared`,
  halves: [`${prefix}encoder`, `${prefix}decoder`],
  blocks: 'block',
  finalNorm: 'final_layer_norm',
  inBlock: (place) => `layer.${place}`,
  norm: 'layer_norm',
  attention: 'SelfAttention',
  crossAttention: 'EncDecAttention',
  query: 'q',
  key: 'k',
  value: 'v',
  output: 'o',
  distances: 'relative_attention_bias',
  up: isGated ? ['DenseReluDense.wi_0', 'DenseReluDense.wi_1'] : ['DenseReluDense.wi'],
  down: 'DenseReluDense.wo',
  scores: 'lm_head',
});

const classifierPrefix = 'transformer.';
const head = 'classification_head';
const prefixOf = (task: LanguageTask) => (hasLabels(task) ? classifierPrefix : '');
/** Whether a task is learnt by the encoder alone. */
const isOfEncoder = (task: LanguageTask) => task === 'token-classification';

/** Whether the layers have a gate, and their activation. @throws UserError when the configuration says two things. */
function activationOf(config: Config, { projection: usual }: Kind, where: string) {
  const { feed_forward_proj: given = usual, dense_act_fn: named, is_gated_act: gated } = config;
  const isGated = given.startsWith('gated-');
  const plain = given.replace('gated-', '') as (typeof activationNames)[number];
  // As in transformers: the authors' gated-gelu is by the tangent.
  const activation = given === 'gated-gelu' ? 'gelu_new' : plain;
  if ((named ?? activation) !== activation || (gated ?? isGated) !== isGated) {
    throw new UserError(
      `feed_forward_proj is ${given}, and ${named === undefined || named === activation ? `is_gated_act is ${gated}` : `dense_act_fn is ${named}`}`,
      { where, remedy: 'Take dense_act_fn and is_gated_act out of the file: feed_forward_proj says both.' },
    );
  }
  return { isGated, activation };
}

function sizesOf(
  config: Config,
  kind: Kind,
  { task, where }: LanguageSettings,
): Omit<EncoderDecoderSizes, 'activation'> {
  const { vocab_size: vocabulary, d_model: hiddenSize } = config;
  const buckets = config.relative_attention_num_buckets;
  const farthest = config.relative_attention_max_distance;
  if (farthest <= Math.floor(buckets / 2)) {
    throw new UserError(
      `relative_attention_max_distance is ${farthest}, and ${buckets} buckets (relative_attention_num_buckets) have distances up to ${Math.floor(buckets / 2)} each to itself`,
      { where, remedy: 'Take the config.json that belongs to the weights.' },
    );
  }
  if (!config.is_encoder_decoder && !isOfEncoder(task)) {
    throw new UserError(`is_encoder_decoder is false, and ${task} needs the decoder`, {
      where,
      remedy:
        'Take the folder of a model with both halves, or model.task: token-classification, which needs no decoder.',
    });
  }
  const start = config.decoder_start_token_id ?? kind.start ?? (isOfEncoder(task) ? 0 : undefined);
  if (start === undefined) {
    throw new UserError('does not name the token that the decoder begins with: decoder_start_token_id', {
      where,
      remedy: 'Set it; of published models it is 0, the token for padding.',
    });
  }
  const tokens = {
    decoder_start_token_id: start,
    pad_token_id: config.pad_token_id,
    eos_token_id: config.eos_token_id,
  };
  for (const [key, number] of Object.entries(tokens)) {
    if (number < vocabulary) continue;
    throw new UserError(`${key} is ${number}, in a vocabulary of ${vocabulary}`, {
      where,
      remedy: 'Take the config.json that belongs to the weights and the tokenizer.',
    });
  }
  return {
    vocabulary,
    hiddenSize,
    innerSize: config.d_ff,
    heads: config.num_heads,
    headSize: config.d_kv,
    blocks: [config.num_layers, config.num_decoder_layers ?? config.num_layers],
    epsilon: config.layer_norm_epsilon,
    distances: { buckets, farthest },
    tableInEveryBlock: kind.tableInEveryBlock ?? false,
    isTied: config.tie_word_embeddings !== false,
    scoreScale: task === 'seq2seq' && kind.scales(config) ? hiddenSize ** -0.5 : 1,
    start,
    padding: config.pad_token_id,
    end: config.eos_token_id,
    dropout: config.dropout_rate,
    freshFactor: config.initializer_factor,
  };
}

/** T5, its later versions, and the kinds for many languages. Source: Raffel et al. (JMLR 2020). */
export const t5 = {
  kinds: { t5: 'T5', mt5: 'MT5', umt5: 'UMT5' },
  heads: {
    classification: 'ForSequenceClassification',
    seq2seq: 'ForConditionalGeneration',
    'token-classification': 'ForTokenClassification',
  },
  names: (task) => ({
    prefix: prefixOf(task),
    ...(hasLabels(task) ? {} : { otherPrefix: classifierPrefix }),
    ignored: [
      ...(isOfEncoder(task) ? ['*decoder.*'] : []),
      '*embed_tokens.weight',
      '*decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight',
      '*lm_head.weight',
      'classification_head.*',
      'qa_outputs.*',
      'classifier.*',
    ],
  }),
  tiedByWeights: {
    table: 'shared.weight',
    scores: 'lm_head.weight',
    // Whether the decoder's output is scaled stays as the configuration had it.
    described: ({ scale_decoder_outputs: scales, tie_word_embeddings: tied }, isTied) => ({
      tie_word_embeddings: isTied,
      scale_decoder_outputs: scales ?? tied !== false,
    }),
  },
  loraTargets: ['q', 'v'],
  configSchema,
  depth: ({ num_layers: encoder, num_decoder_layers: decoder }, task) => ({
    key: 'num_layers + num_decoder_layers',
    stored: encoder + (decoder ?? encoder),
    ofEncoder: { stored: encoder, suffices: isOfEncoder(task) },
  }),
  exported: (_config, task) => (isOfEncoder(task) ? { is_encoder_decoder: false } : {}),
  build(config, settings) {
    const kind = kinds[settings.modelType]!;
    const { isGated, activation } = activationOf(config, kind, settings.where);
    const sizes = { ...sizesOf(config, kind, settings), activation };
    const names = namesOf(prefixOf(settings.task), isGated);
    if (settings.task === 'seq2seq') return buildEncoderDecoder(names, sizes, settings);
    if (isOfEncoder(settings.task)) {
      const tokens = tokenClassifier({
        hiddenSize: sizes.hiddenSize,
        labels: settings.labels,
        dropout: config.classifier_dropout,
        deviation: sizes.freshFactor,
      });
      return buildEncoderHalf(names, sizes, settings, tokens);
    }
    const deviation = sizes.freshFactor * sizes.hiddenSize ** -0.5;
    const labelling = classifier({
      hiddenSize: sizes.hiddenSize,
      labels: settings.labels,
      pool: (pass, hidden) =>
        lastOf(pass, hidden, isNumber(pass.tf, pass.tf.cast(pass.given.inputIds, 'int32'), sizes.end)),
      dense: `${head}.dense`,
      activation: 'tanh',
      output: `${head}.out_proj`,
      dropout: config.classifier_dropout,
      firstDropout: config.classifier_dropout,
      deviations: { dense: deviation, output: deviation },
    });
    return buildEncoderDecoder(names, sizes, settings, labelling);
  },
} satisfies LanguageFamily<Config>;
