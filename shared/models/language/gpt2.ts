import { z } from 'zod';
import type { Tensor } from '../../engines/engine.ts';
import { activationNames, activations } from '../blocks/activations.ts';
import { attend, scoreMask, splitHeads } from '../blocks/attention.ts';
import { lookUp } from '../blocks/look-up.ts';
import { type PackedRows, sameText } from '../blocks/packed.ts';
import { paddingOf } from './decoder-config.ts';
import { decoderHead, tokenDropout, tokenScoresConfig } from './decoder-heads.ts';
import type { LanguageFamily } from './model.ts';
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
import { beginPass, flatNumbers, type Pass, site } from './pass.ts';

const rate = z.number().min(0).lt(1);
const configSchema = z.looseObject({
  vocab_size: z.int().positive(),
  n_embd: z.int().positive(),
  n_layer: z.int().positive(),
  n_head: z.int().positive(),
  n_positions: z.int().positive(),
  /** `n_positions` again, in old files. */
  n_ctx: z.int().positive().nullish(),
  n_inner: z.int().positive().nullish(),
  activation_function: z.enum(activationNames).default('gelu_new'),
  resid_pdrop: rate.default(0.1),
  embd_pdrop: rate.default(0.1),
  attn_pdrop: rate.default(0.1),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  initializer_range: z.number().positive().default(0.02),
  tie_word_embeddings: z.boolean().default(true),
  scale_attn_weights: z.literal(true).nullish(),
  scale_attn_by_inverse_layer_idx: z.literal(false).nullish(),
  /** Attention in float32; results are the same. */
  reorder_and_upcast_attn: z.boolean().nullish(),
  add_cross_attention: z.literal(false).nullish(),
  pad_token_id: z.int().nullish(),
  ...tokenScoresConfig,
});
type Config = z.infer<typeof configSchema>;

const words = 'transformer.wte';
const positions = 'transformer.wpe';
const inBlock = (number: number, name: string) => `transformer.h.${number}.${name}`;

function modulesOf(config: Config): Module[] {
  const { vocab_size: vocabulary, n_embd: size, n_layer: blocks } = config;
  const inner = config.n_inner ?? 4 * size;
  const output = { inputsFirst: true, deviation: config.initializer_range / Math.sqrt(2 * blocks) };
  return [
    embedding(words, vocabulary, size),
    embedding(positions, config.n_positions, size),
    ...Array.from({ length: blocks }, (_, number): Module[] => [
      norm(inBlock(number, 'ln_1'), size),
      denseModule(inBlock(number, 'attn.c_attn'), size, 3 * size, { inputsFirst: true }),
      denseModule(inBlock(number, 'attn.c_proj'), size, size, output),
      norm(inBlock(number, 'ln_2'), size),
      denseModule(inBlock(number, 'mlp.c_fc'), size, inner, { inputsFirst: true }),
      denseModule(inBlock(number, 'mlp.c_proj'), inner, size, output),
    ]).flat(),
    norm('transformer.ln_f', size),
  ];
}

function block(pass: Pass, config: Config, number: number, input: Tensor, mask: Tensor): Tensor {
  const { tf, batch, tokens, drop } = pass;
  const { n_head: heads, n_embd: size, layer_norm_epsilon: epsilon } = config;
  const named = (name: string) => inBlock(number, name);
  const dense = (x: Tensor, name: string) => pass.dense(x, named(name), { inputsFirst: true });
  const shape = { batch, tokens, heads, keyHeads: heads, headSize: size / heads };
  const joined = dense(pass.layerNorm(input, named('ln_1'), epsilon), 'attn.c_attn');
  const [query, key, value] = tf.split(joined, 3, -1).map((part) => splitHeads(tf, part, shape));
  const mixed = attend(tf, { query: query!, key: key!, value: value! }, mask, shape, (weights) =>
    drop(weights, named('attn')),
  );
  const middle = tf.add(drop(dense(mixed, 'attn.c_proj'), named('attn.c_proj')), input);
  const inner = dense(pass.layerNorm(middle, named('ln_2'), epsilon), 'mlp.c_fc');
  const output = dense(activations[config.activation_function](tf, inner), 'mlp.c_proj');
  return tf.add(drop(output, named('mlp.c_proj')), middle);
}

/** Embeddings of positions, `[tokens, size]`; where texts share rows, of each token's in its text, `[batch, tokens, size]`. */
function placesOf({ tf, batch, tokens, parameter }: Pass, packed: PackedRows | undefined): Tensor {
  const table = parameter(`${positions}.weight`);
  if (!packed) return tf.slice(table, [0, 0], [tokens, -1]);
  return tf.reshape(lookUp(tf, table, flatNumbers(tf, packed.positions)), [batch, tokens, -1]);
}

/** GPT-2. Source: Radford et al. (2019). */
export const gpt2 = {
  kinds: { gpt2: 'GPT2' },
  heads: {
    classification: 'ForSequenceClassification',
    'causal-lm': 'LMHeadModel',
    'token-classification': 'ForTokenClassification',
  },
  names: {
    prefix: 'transformer.',
    ignored: ['*.attn.bias', '*.attn.masked_bias', 'lm_head.*', 'score.*', 'classifier.*'],
  },
  loraTargets: ['c_attn'],
  configSchema,
  depth: ({ n_layer: stored }) => ({ key: 'n_layer', stored }),
  build(config, { task, labels, where }) {
    const { n_head: heads, n_embd: size, n_layer: blocks, layer_norm_epsilon: epsilon } = config;
    const padding = paddingOf(config, where);
    const head = decoderHead({
      task,
      labels,
      hiddenSize: size,
      vocabulary: config.vocab_size,
      words,
      isTied: config.tie_word_embeddings,
      padding,
      ofTokens: { name: 'classifier', bias: true, dropout: tokenDropout(config) },
    });
    const modules = [...modulesOf(config), ...head.modules];
    return {
      task,
      parameters: parametersOf(modules),
      frozen: [],
      tied: head.tied,
      layers: layersOf(modules),
      dense: denseLayersOf(modules),
      attention: { blocks, heads, headSize: size / heads },
      vocabulary: config.vocab_size,
      maxTokens: config.n_positions,
      padding,
      initialise: (random, names) => initialValues(modules, config.initializer_range, random, names),
      dropoutSites: (batch, tokens) => {
        const rows = [batch * tokens, size];
        return [
          ...site(words, rows, config.embd_pdrop),
          ...Array.from({ length: blocks }, (_, number) => [
            ...site(inBlock(number, 'attn'), [batch, heads, tokens, tokens], config.attn_pdrop),
            ...site(inBlock(number, 'attn.c_proj'), rows, config.resid_pdrop),
            ...site(inBlock(number, 'mlp.c_proj'), rows, config.resid_pdrop),
          ]).flat(),
          ...head.sites(batch, tokens),
        ];
      },
      forward(tf, parameters, given, dropout, update) {
        const pass = beginPass(tf, parameters, given, dropout, update);
        const { batch, tokens, parameter } = pass;
        const { packed } = given;
        const mask = scoreMask(tf, given.attentionMask, true, undefined, packed && sameText(tf, packed));
        const tokenRows = lookUp(tf, parameter(`${words}.weight`), flatNumbers(tf, given.inputIds));
        const places = placesOf(pass, packed);
        const embedded = tf.add(tf.reshape(tokenRows, [batch, tokens, size]), places);
        let hidden = dropout(tf.reshape(embedded, [-1, size]), words);
        for (let number = 0; number < blocks; number++) hidden = block(pass, config, number, hidden, mask);
        const last = pass.layerNorm(hidden, 'transformer.ln_f', epsilon);
        return head.apply(pass, last);
      },
    };
  },
} satisfies LanguageFamily<Config>;
