import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { activationNames, activations } from '../blocks/activations.ts';
import { attend, scoreMask, splitHeads, withinWindow } from '../blocks/attention.ts';
import { lookUp } from '../blocks/look-up.ts';
import { rotate } from '../blocks/rotary.ts';
import type { DropoutSite } from '../dropout.ts';
import type { Head } from './encoder.ts';
import { classifier, embeddingClassifier, maskedWords, tokenClassifier } from './encoder-heads.ts';
import type { LanguageFamily, LanguageSettings } from './model.ts';
import {
  denseLayersOf,
  denseModule,
  embedding,
  initialValues,
  layersOf,
  type Module,
  norm,
  parametersOf,
} from './modules.ts';
import { beginPass, flatNumbers, type Pass, site, throughBlock } from './pass.ts';
import { firstTokens, meanTokens, poolTexts } from './pool.ts';

const rate = z.number().min(0).lt(1);
const positive = z.number().positive();
const activation = z.enum(activationNames);
const reaches = ['full_attention', 'sliding_attention'] as const;
type Reach = (typeof reaches)[number];
const ropeSchema = z.strictObject({
  rope_type: z.literal('default').default('default'),
  rope_theta: positive.optional(),
});

const configSchema = z.looseObject({
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  max_position_embeddings: z.int().positive().default(8192),
  hidden_activation: activation.default('gelu'),
  norm_eps: positive.default(1e-5),
  norm_bias: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  attention_dropout: rate.default(0),
  embedding_dropout: rate.default(0),
  mlp_bias: z.boolean().default(false),
  mlp_dropout: rate.default(0),
  decoder_bias: z.boolean().default(true),
  classifier_pooling: z.enum(['cls', 'mean']).default('cls'),
  classifier_dropout: rate.default(0),
  classifier_bias: z.boolean().default(false),
  classifier_activation: activation.default('gelu'),
  local_attention: z.int().positive().default(128),
  /** How far each block looks; old files say instead that every nth one looks at all tokens. */
  layer_types: z.array(z.enum(reaches)).nullish(),
  global_attn_every_n_layers: z.int().positive().default(3),
  rope_parameters: z
    .strictObject({ full_attention: ropeSchema.nullish(), sliding_attention: ropeSchema.nullish() })
    .nullish(),
  global_rope_theta: positive.optional(),
  local_rope_theta: positive.optional(),
  initializer_range: positive.default(0.02),
  initializer_cutoff_factor: positive.nullish().default(2),
  pad_token_id: z.int().nonnegative().default(50283),
  /** What follows is in published files and changes nothing: `transformers` does not read it, or only how it computes depends on it. */
  layer_norm_eps: z.number().nullish(),
  position_embedding_type: z.literal('absolute').nullish(),
  sparse_prediction: z.boolean().nullish(),
  sparse_pred_ignore_index: z.literal(-100).nullish(),
  repad_logits_with_grad: z.boolean().nullish(),
});
type Config = z.infer<typeof configSchema>;

const words = 'model.embeddings.tok_embeddings';
const wordsNorm = 'model.embeddings.norm';
const lastNorm = 'model.final_norm';
const inBlock = (number: number, name: string) => `model.layers.${number}.${name}`;

/** How far each block looks. @throws UserError when they are not as many as there are blocks. */
function reachesOf(config: Config, where: string): Reach[] {
  const { layer_types: types, num_hidden_layers: blocks, global_attn_every_n_layers: every } = config;
  if (!types) {
    return Array.from({ length: blocks }, (_, number) =>
      number % every === 0 ? 'full_attention' : 'sliding_attention',
    );
  }
  if (types.length === blocks) return types;
  throw new UserError(`layer_types has ${types.length} entries, num_hidden_layers is ${blocks}`, {
    where,
    remedy: 'Take the config.json that belongs to the weights.',
  });
}

/** The bases by which the angles of positions grow. */
function thetasOf({
  rope_parameters: rope,
  global_rope_theta: all,
  local_rope_theta: near,
}: Config): Record<Reach, number> {
  return {
    full_attention: rope?.full_attention?.rope_theta ?? all ?? 160_000,
    sliding_attention: rope?.sliding_attention?.rope_theta ?? near ?? 10_000,
  };
}

/** Standard deviation of fresh layers that lead back to the sum of all blocks. */
const outward = (config: Config) => config.initializer_range / Math.sqrt(2 * config.num_hidden_layers);

function modulesOf(config: Config): Module[] {
  const { hidden_size: size, intermediate_size: inner, norm_bias: shifted } = config;
  const [attention, mlp] = [{ bias: config.attention_bias }, { bias: config.mlp_bias }];
  const deviation = outward(config);
  return [
    embedding(words, config.vocab_size, size, { padding: config.pad_token_id }),
    norm(wordsNorm, size, shifted),
    ...Array.from({ length: config.num_hidden_layers }, (_, number): Module[] => [
      // What the first block is given is normal already.
      ...(number === 0 ? [] : [norm(inBlock(number, 'attn_norm'), size, shifted)]),
      denseModule(inBlock(number, 'attn.Wqkv'), size, 3 * size, attention),
      denseModule(inBlock(number, 'attn.Wo'), size, size, { ...attention, deviation }),
      norm(inBlock(number, 'mlp_norm'), size, shifted),
      denseModule(inBlock(number, 'mlp.Wi'), size, 2 * inner, mlp),
      denseModule(inBlock(number, 'mlp.Wo'), inner, size, { ...mlp, deviation }),
    ]).flat(),
    norm(lastNorm, size, shifted),
  ];
}

function sitesOf(config: Config, batch: number, tokens: number): DropoutSite[] {
  const { num_attention_heads: heads, attention_dropout: attention } = config;
  const rows = (size: number) => [batch * tokens, size];
  return [
    ...site(wordsNorm, rows(config.hidden_size), config.embedding_dropout),
    ...Array.from({ length: config.num_hidden_layers }, (_, number) => [
      ...site(inBlock(number, 'attn'), [batch, heads, tokens, tokens], attention),
      ...site(inBlock(number, 'attn.Wo'), rows(config.hidden_size), attention),
      ...site(inBlock(number, 'mlp.Wo'), rows(config.intermediate_size), config.mlp_dropout),
    ]).flat(),
  ];
}

/** The inputs of a block's attention besides its weights. */
interface Attention {
  readonly mask: Tensor;
  readonly turn: (x: Tensor) => Tensor;
}

function block(pass: Pass, config: Config, number: number, input: Tensor, { mask, turn }: Attention): Tensor {
  const { tf, batch, tokens, drop } = pass;
  const { hidden_size: size, num_attention_heads: heads, norm_eps: epsilon } = config;
  const named = (name: string) => inBlock(number, name);
  const shape = { batch, tokens, heads, keyHeads: heads, headSize: size / heads };
  const normal = number === 0 ? input : pass.layerNorm(input, named('attn_norm'), epsilon);
  const parts = tf.split(pass.dense(normal, named('attn.Wqkv')), 3, 1) as Tensor[];
  const [query, key, value] = parts.map((part) => splitHeads(tf, part, shape));
  const mixed = attend(tf, { query: turn(query!), key: turn(key!), value: value! }, mask, shape, (weights) =>
    drop(weights, named('attn')),
  );
  const middle = tf.add(input, drop(pass.dense(mixed, named('attn.Wo')), named('attn.Wo')));
  const given = pass.layerNorm(middle, named('mlp_norm'), epsilon);
  const [up, gate] = tf.split(pass.dense(given, named('mlp.Wi')), 2, 1) as [Tensor, Tensor];
  const inner = tf.mul(activations[config.hidden_activation](tf, up), gate);
  return tf.add(middle, pass.dense(drop(inner, named('mlp.Wo')), named('mlp.Wo')));
}

/** Masks and turns of both reaches. */
function attentions(tf: TensorLibrary, config: Config, attentionMask: Tensor): Record<Reach, Attention> {
  const size = config.hidden_size / config.num_attention_heads;
  const thetas = thetasOf(config);
  const all = scoreMask(tf, attentionMask, false);
  const side = Math.floor(config.local_attention / 2);
  const turn = (reach: Reach) =>
    rotate(tf, attentionMask, { theta: thetas[reach], scaling: { type: 'default' }, size });
  return {
    full_attention: { mask: all, turn: turn('full_attention') },
    sliding_attention: { mask: withinWindow(tf, all, side), turn: turn('sliding_attention') },
  };
}

function headOf(config: Config, { task, labels, embedding: embedded }: LanguageSettings): Head {
  const { hidden_size: size, norm_eps: epsilon, norm_bias: shifted, classifier_activation: active } = config;
  const deviation = outward(config);
  if (embedded) return embeddingClassifier(size, labels, embedded);
  if (task === 'classification') {
    return classifier({
      hiddenSize: size,
      labels,
      pool: config.classifier_pooling === 'mean' ? meanTokens : firstTokens,
      dense: 'head.dense',
      denseBias: config.classifier_bias,
      activation: active,
      norm: { name: 'head.norm', epsilon, bias: shifted },
      output: 'classifier',
      dropout: config.classifier_dropout,
      pooled: true,
      deviations: { dense: deviation, output: size ** -0.5 },
    });
  }
  if (task === 'token-classification') {
    return tokenClassifier({
      hiddenSize: size,
      labels,
      dropout: config.classifier_dropout,
      deviation: size ** -0.5,
      before: {
        dense: 'head.dense',
        bias: config.classifier_bias,
        activation: active,
        norm: { name: 'head.norm', epsilon, bias: shifted },
        deviation,
      },
    });
  }
  return maskedWords({
    hiddenSize: size,
    embeddingSize: size,
    vocabulary: config.vocab_size,
    dense: 'head.dense',
    denseBias: config.classifier_bias,
    activation: active,
    norm: 'head.norm',
    normBias: shifted,
    epsilon,
    words,
    ...(config.decoder_bias ? { bias: 'decoder.bias' } : {}),
    deviation,
  });
}

/** ModernBERT. Source: Warner et al. (2024). */
export const modernBert = {
  kinds: { modernbert: 'ModernBert' },
  heads: {
    classification: 'ForSequenceClassification',
    'masked-lm': 'ForMaskedLM',
    'token-classification': 'ForTokenClassification',
  },
  names: { prefix: 'model.', ignored: ['*.inv_freq', 'head.*', 'decoder.*', 'classifier.*', 'qa_outputs.*'] },
  isEncoder: true,
  loraTargets: ['Wqkv'],
  configSchema,
  depth: ({ num_hidden_layers: stored }) => ({ key: 'num_hidden_layers', stored }),
  build(config, settings) {
    const head = headOf(config, settings);
    const modules = [...modulesOf(config), ...head.modules];
    const reach = reachesOf(config, settings.where);
    /** The last norm's output, `[batch * tokens, hidden]`. */
    const encode = (pass: Pass): Tensor => {
      const shared = attentions(pass.tf, config, pass.given.attentionMask);
      const ids = flatNumbers(pass.tf, pass.given.inputIds);
      const rows = lookUp(pass.tf, pass.parameter(`${words}.weight`), ids, config.pad_token_id);
      const first = pass.drop(pass.layerNorm(rows, wordsNorm, config.norm_eps), wordsNorm);
      const last = reach.reduce(
        (hidden, each, number) =>
          throughBlock(pass, hidden, (input) => block(pass, config, number, input, shared[each])),
        first,
      );
      return pass.layerNorm(last, lastNorm, config.norm_eps);
    };
    const { initializer_range: deviation, initializer_cutoff_factor: cutoff, num_attention_heads: heads } = config;
    return {
      task: settings.task,
      parameters: parametersOf(modules),
      frozen: [],
      tied: head.tied,
      layers: layersOf(modules),
      dense: denseLayersOf(modules),
      attention: { blocks: reach.length, heads, headSize: config.hidden_size / heads },
      vocabulary: config.vocab_size,
      maxTokens: config.max_position_embeddings,
      padding: config.pad_token_id,
      initialise: (random, names) => initialValues(modules, { deviation, cutoff: cutoff ?? 3 }, random, names),
      dropoutSites: (batch, tokens) => [...sitesOf(config, batch, tokens), ...head.sites(batch, tokens)],
      forward(tf, parameters, given, dropout, update) {
        const pass = beginPass(tf, parameters, given, dropout, update);
        return head.apply(pass, encode(pass));
      },
      embed(tf, parameters, given, dropout, embedding, update) {
        const pass = beginPass(tf, parameters, given, dropout, update);
        return poolTexts(pass, encode(pass), embedding);
      },
    };
  },
} satisfies LanguageFamily<Config>;
