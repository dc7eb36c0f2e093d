import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import type { Tensor } from '../../engines/engine.ts';
import { activationNames, activations } from '../blocks/activations.ts';
import { attend, scoreMask, splitHeads } from '../blocks/attention.ts';
import { lookUp } from '../blocks/look-up.ts';
import { type RotaryScaling, rotary } from '../blocks/rotary.ts';
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
import { beginPass, flatNumbers, type Pass, perToken, scoreByTable, site } from './pass.ts';

const positive = z.number().positive();
const ropeSchema = z.looseObject({
  rope_theta: positive.optional(),
  rope_type: z.string().optional(),
  type: z.string().optional(),
  factor: positive.optional(),
  low_freq_factor: positive.optional(),
  high_freq_factor: positive.optional(),
  original_max_position_embeddings: positive.optional(),
});
const configSchema = z.looseObject({
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  num_key_value_heads: z.int().positive().nullish(),
  head_dim: z.int().positive().nullish(),
  max_position_embeddings: z.int().positive(),
  hidden_act: z.enum(activationNames).default('silu'),
  rms_norm_eps: positive.default(1e-6),
  rope_theta: positive.nullish(),
  rope_scaling: ropeSchema.nullish(),
  rope_parameters: ropeSchema.nullish(),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  attention_dropout: z.number().min(0).lt(1).default(0),
  initializer_range: positive.default(0.02),
  tie_word_embeddings: z.boolean().default(false),
  sliding_window: z.int().positive().nullish(),
  use_sliding_window: z.boolean().nullish(),
  pad_token_id: z.int().nullish(),
});
type Config = z.infer<typeof configSchema>;

const words = 'model.embed_tokens';
const head = 'lm_head';
const inBlock = (number: number, name: string) => `model.layers.${number}.${name}`;

/** What differs between kinds: which of the attention's layers have a bias. */
const attentionBiases: Readonly<Record<string, { inputs?: boolean; output?: boolean }>> = {
  qwen2: { inputs: true, output: false },
  mistral: { inputs: false, output: false },
};

interface Sizes {
  readonly keyHeads: number;
  readonly headSize: number;
  readonly inputBias: boolean;
  readonly outputBias: boolean;
  readonly padding: number | undefined;
}

function sizesOf(config: Config, kind: string): Sizes {
  const { inputs = config.attention_bias ?? false, output = config.attention_bias ?? false } =
    attentionBiases[kind] ?? {};
  const padding = config.pad_token_id ?? -1;
  return {
    keyHeads: config.num_key_value_heads ?? config.num_attention_heads,
    headSize: config.head_dim ?? config.hidden_size / config.num_attention_heads,
    inputBias: inputs,
    outputBias: output,
    padding: padding < 0 ? undefined : padding,
  };
}

function scalingOf(config: Config): { theta: number; scaling: RotaryScaling } {
  const rope = config.rope_parameters ?? config.rope_scaling ?? {};
  const theta = rope.rope_theta ?? config.rope_theta ?? 10_000;
  const type = rope.rope_type ?? rope.type ?? 'default';
  const needed = (key: 'factor' | 'low_freq_factor' | 'high_freq_factor' | 'original_max_position_embeddings') => {
    const value = rope[key];
    if (value === undefined) throw new UserError(`rotary positions of type ${type} need ${key}`);
    return value;
  };
  if (type === 'default') return { theta, scaling: { type } };
  if (type === 'linear') return { theta, scaling: { type, factor: needed('factor') } };
  if (type === 'llama3') {
    const scaling = {
      type,
      factor: needed('factor'),
      lowFrequency: needed('low_freq_factor'),
      highFrequency: needed('high_freq_factor'),
      trained: needed('original_max_position_embeddings'),
    } as const;
    return { theta, scaling };
  }
  throw new UserError(`rotary positions of type ${type} are not supported; default, linear and llama3 are`);
}

/** Tokens see all before them: longer texts than the window would need another mask. */
function longest(config: Config): number {
  const windowed = config.use_sliding_window ?? true;
  return Math.min(config.max_position_embeddings, (windowed ? config.sliding_window : undefined) ?? Infinity);
}

function modulesOf(config: Config, sizes: Sizes): Module[] {
  const { vocab_size: vocabulary, hidden_size: size, num_attention_heads: heads, intermediate_size: inner } = config;
  const { keyHeads, headSize, inputBias, outputBias, padding } = sizes;
  const bias = config.mlp_bias ?? false;
  return [
    embedding(words, vocabulary, size, padding === undefined ? {} : { padding }),
    ...Array.from({ length: config.num_hidden_layers }, (_, number): Module[] => [
      norm(inBlock(number, 'input_layernorm'), size, false),
      denseModule(inBlock(number, 'self_attn.q_proj'), size, heads * headSize, { bias: inputBias }),
      denseModule(inBlock(number, 'self_attn.k_proj'), size, keyHeads * headSize, { bias: inputBias }),
      denseModule(inBlock(number, 'self_attn.v_proj'), size, keyHeads * headSize, { bias: inputBias }),
      denseModule(inBlock(number, 'self_attn.o_proj'), heads * headSize, size, { bias: outputBias }),
      norm(inBlock(number, 'post_attention_layernorm'), size, false),
      denseModule(inBlock(number, 'mlp.gate_proj'), size, inner, { bias }),
      denseModule(inBlock(number, 'mlp.up_proj'), size, inner, { bias }),
      denseModule(inBlock(number, 'mlp.down_proj'), inner, size, { bias }),
    ]).flat(),
    norm('model.norm', size, false),
    ...(config.tie_word_embeddings ? [] : [denseModule(head, size, vocabulary, { bias: false })]),
  ];
}

function block(
  pass: Pass,
  config: Config,
  { keyHeads, headSize }: Sizes,
  number: number,
  input: Tensor,
  shared: { mask: Tensor; turn: (x: Tensor) => Tensor },
): Tensor {
  const { tf, batch, tokens } = pass;
  const named = (name: string) => inBlock(number, name);
  const dense = (x: Tensor, name: string) => pass.dense(x, named(name));
  const shape = { batch, tokens, heads: config.num_attention_heads, keyHeads, headSize };
  const normal = pass.rmsNorm(input, named('input_layernorm'), config.rms_norm_eps);
  const [query, key, value] = ['q_proj', 'k_proj', 'v_proj'].map((name) =>
    splitHeads(tf, dense(normal, `self_attn.${name}`), shape),
  );
  const turned = { query: shared.turn(query!), key: shared.turn(key!), value: value! };
  const mixed = attend(tf, turned, shared.mask, shape, (weights) => pass.drop(weights, named('self_attn')));
  const middle = tf.add(dense(mixed, 'self_attn.o_proj'), input);
  const given = pass.rmsNorm(middle, named('post_attention_layernorm'), config.rms_norm_eps);
  const gate = activations[config.hidden_act](tf, dense(given, 'mlp.gate_proj'));
  return tf.add(dense(tf.mul(gate, dense(given, 'mlp.up_proj')), 'mlp.down_proj'), middle);
}

/** Llama and what has its layout. Source: Touvron et al. (2023). */
export const llama = {
  kinds: { llama: 'Llama', mistral: 'Mistral', qwen2: 'Qwen2' },
  heads: { 'causal-lm': 'ForCausalLM' },
  names: { prefix: 'model.', ignored: ['*.rotary_emb.inv_freq', 'lm_head.*', 'score.*'] },
  loraTargets: ['q_proj', 'v_proj'],
  configSchema,
  depth: ({ num_hidden_layers: stored }) => ({ key: 'num_hidden_layers', stored }),
  build(config, { task, modelType }) {
    const sizes = sizesOf(config, modelType);
    const { theta, scaling } = scalingOf(config);
    const modules = modulesOf(config, sizes);
    const { num_attention_heads: heads, num_hidden_layers: blocks } = config;
    return {
      task,
      parameters: parametersOf(modules),
      frozen: [],
      tied: config.tie_word_embeddings ? [`${words}.weight`] : [],
      layers: layersOf(modules),
      dense: denseLayersOf(modules),
      vocabulary: config.vocab_size,
      maxTokens: longest(config),
      padding: sizes.padding,
      initialise: (random, names) => initialValues(modules, config.initializer_range, random, names),
      dropoutSites: (batch, tokens) =>
        Array.from({ length: blocks }, (_, number) =>
          site(inBlock(number, 'self_attn'), [batch, heads, tokens, tokens], config.attention_dropout),
        ).flat(),
      forward(tf, parameters, given, dropout, update) {
        const pass = beginPass(tf, parameters, given, dropout, update);
        const shared = {
          mask: scoreMask(tf, given.attentionMask, true),
          turn: rotary(tf, pass.tokens, sizes.headSize, theta, scaling),
        };
        const ids = flatNumbers(tf, given.inputIds);
        let hidden = lookUp(tf, pass.parameter(`${words}.weight`), ids, sizes.padding);
        for (let number = 0; number < blocks; number++) hidden = block(pass, config, sizes, number, hidden, shared);
        const last = pass.rmsNorm(hidden, 'model.norm', config.rms_norm_eps);
        return perToken(pass, config.tie_word_embeddings ? scoreByTable(pass, last, words) : pass.dense(last, head));
      },
    };
  },
} satisfies LanguageFamily<Config>;
