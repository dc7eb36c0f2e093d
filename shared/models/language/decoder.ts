/** The decoder that Llama and its descendants share: rotary positions, root-mean-square norms, gated layers. */
import { UserError } from '../../core/errors.ts';
import type { Tensor } from '../../engines/engine.ts';
import { type ActivationName, activations } from '../blocks/activations.ts';
import { attend, scoreMask, splitHeads } from '../blocks/attention.ts';
import { lookUp } from '../blocks/look-up.ts';
import { sameText } from '../blocks/packed.ts';
import { type Rotary, rotate } from '../blocks/rotary.ts';
import type { DropoutSite } from '../dropout.ts';
import { decoderHead, type TokenScores } from './decoder-heads.ts';
import type { LanguageModel, LanguageSettings } from './model.ts';
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

/** Names of a decoder's modules; those of a block are below `<blocks>.<number>`. */
export interface DecoderNames {
  readonly words: string;
  readonly blocks: string;
  readonly finalNorm: string;
  /** The layers of queries, keys and values, or one layer that gives all three, one after the other. */
  readonly projections: readonly [query: string, key: string, value: string] | readonly [all: string];
  /** Norms of each head's query and key; absent: there are none. */
  readonly headNorms?: readonly [query: string, key: string];
  readonly attentionOutput: string;
  /** The gate and what it lets through, or one layer that gives both, one after the other. */
  readonly gated: readonly [gate: string, up: string] | readonly [both: string];
  readonly down: string;
  /** Before attention, and before the gated layers. */
  readonly norms: readonly [attention: string, gated: string];
  /** After each, before the sum; absent: there are none. */
  readonly outputNorms?: readonly [attention: string, gated: string];
}

/** Names as in Llama. */
export const llamaNames = {
  words: 'model.embed_tokens',
  blocks: 'model.layers',
  finalNorm: 'model.norm',
  projections: ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'],
  attentionOutput: 'self_attn.o_proj',
  gated: ['mlp.gate_proj', 'mlp.up_proj'],
  down: 'mlp.down_proj',
  norms: ['input_layernorm', 'post_attention_layernorm'],
} as const satisfies DecoderNames;

/** Names of weights in files of all families with these names. */
export const llamaWeights = { prefix: 'model.', ignored: ['*.rotary_emb.inv_freq', 'lm_head.*', 'score.*'] } as const;

/** The settings that differ from block to block. */
export interface DecoderBlock {
  /** How many tokens a token sees, itself included; absent: all before it. */
  readonly window?: number | undefined;
  /** Absent: positions are not told. */
  readonly rotary?: Rotary | undefined;
}

export interface DecoderSizes {
  readonly vocabulary: number;
  readonly hiddenSize: number;
  readonly innerSize: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headSize: number;
  readonly blocks: readonly DecoderBlock[];
  /** Longest text, in tokens. */
  readonly maxTokens: number;
  readonly activation: ActivationName;
  readonly epsilon: number;
  /** Whether the layers of queries, keys and values have biases, and that of attention's output. */
  readonly attentionBiases: readonly [inputs: boolean, output: boolean];
  /** Whether the gated layers have biases. */
  readonly gatedBiases: boolean;
  /** Whether words are scored by the table of their embeddings. */
  readonly isTied: boolean;
  /** The number that stands for padding, where there is one: its row has no gradient. */
  readonly padding: number | undefined;
  /** The factor for embeddings; absent: 1. */
  readonly embeddingScale?: number;
  /** By which products of queries and keys are multiplied; absent: 1 / sqrt(headSize). */
  readonly attentionScale?: number;
  /** Within which the scores of attention, and those of words, are kept; absent: they are not. */
  readonly caps?: { readonly attention: number | undefined; readonly words: number | undefined };
  /** Whether norms multiply by 1 + weight instead of by the weight. */
  readonly normsAddOne?: boolean;
  /** Of attention's weights, and of what is added to a block's input. */
  readonly dropout: { readonly attention: number; readonly residual?: number };
  readonly ofTokens: TokenScores;
  /** Standard deviation of fresh weights. */
  readonly deviation: number;
}

function modulesOf(names: DecoderNames, sizes: DecoderSizes): Module[] {
  const { vocabulary, hiddenSize, innerSize, heads, keyHeads, headSize, padding } = sizes;
  const [inputBias, outputBias] = sizes.attentionBiases;
  const [queries, keys] = [heads * headSize, keyHeads * headSize];
  const rmsNorm = (name: string, size = hiddenSize) => norm(name, size, false, sizes.normsAddOne ? 0 : 1);
  return [
    embedding(names.words, vocabulary, hiddenSize, padding === undefined ? {} : { padding }),
    ...sizes.blocks.flatMap((_, number): Module[] => {
      const inBlock = (name: string) => `${names.blocks}.${number}.${name}`;
      const norms = (place: 0 | 1) =>
        [names.norms[place], names.outputNorms?.[place]].map((name) => name && inBlock(name));
      const { projections, gated } = names;
      const widths = projections.length === 1 ? [queries + 2 * keys] : [queries, keys, keys];
      const inner = gated.length === 1 ? 2 * innerSize : innerSize;
      const [before, after] = norms(0);
      const [beforeGated, afterGated] = norms(1);
      return [
        rmsNorm(before!),
        ...projections.map((name, place) =>
          denseModule(inBlock(name), hiddenSize, widths[place]!, { bias: inputBias }),
        ),
        ...(names.headNorms ?? []).map((name) => rmsNorm(inBlock(name), headSize)),
        denseModule(inBlock(names.attentionOutput), queries, hiddenSize, { bias: outputBias }),
        ...(after === undefined ? [] : [rmsNorm(after)]),
        rmsNorm(beforeGated!),
        ...gated.map((name) => denseModule(inBlock(name), hiddenSize, inner, { bias: sizes.gatedBiases })),
        denseModule(inBlock(names.down), innerSize, hiddenSize, { bias: sizes.gatedBiases }),
        ...(afterGated === undefined ? [] : [rmsNorm(afterGated)]),
      ];
    }),
    rmsNorm(names.finalNorm),
  ];
}

/** Tensors that the blocks of a pass share. */
interface Shared {
  /** Masks by the length of the window. */
  readonly masks: ReadonlyMap<number | undefined, Tensor>;
  readonly turns: ReadonlyMap<Rotary, (x: Tensor) => Tensor>;
  readonly rmsNorm: (x: Tensor, name: string) => Tensor;
}

function share(pass: Pass, sizes: DecoderSizes): Shared {
  const { tf, given } = pass;
  const { attentionMask, packed } = given;
  const same = packed && sameText(tf, packed);
  const windows = new Set(sizes.blocks.map(({ window }) => window));
  const rotaries = new Set(sizes.blocks.flatMap(({ rotary }) => rotary ?? []));
  return {
    masks: new Map([...windows].map((window) => [window, scoreMask(tf, attentionMask, true, window, same)])),
    turns: new Map([...rotaries].map((rotary) => [rotary, rotate(tf, attentionMask, rotary, packed)])),
    rmsNorm: (x, name) => pass.rmsNorm(x, name, sizes.epsilon, sizes.normsAddOne),
  };
}

function block(
  pass: Pass,
  names: DecoderNames,
  sizes: DecoderSizes,
  number: number,
  input: Tensor,
  { masks, turns, rmsNorm }: Shared,
): Tensor {
  const { tf, batch, tokens } = pass;
  const { heads, keyHeads, headSize, innerSize } = sizes;
  const { window, rotary } = sizes.blocks[number]!;
  const inBlock = (name: string) => `${names.blocks}.${number}.${name}`;
  const dense = (x: Tensor, name: string) => pass.dense(x, inBlock(name));
  const parts = (x: Tensor, layers: readonly string[], widths: readonly number[]): Tensor[] =>
    layers.length === 1 ? tf.split(dense(x, layers[0]!), [...widths], -1) : layers.map((name) => dense(x, name));
  const added = (x: Tensor, layer: string, place: 0 | 1) => {
    const after = names.outputNorms?.[place];
    const normal = after === undefined ? x : rmsNorm(x, inBlock(after));
    return sizes.dropout.residual ? pass.drop(normal, inBlock(layer)) : normal;
  };

  const widths = [heads, keyHeads, keyHeads].map((count) => count * headSize);
  const projected = parts(rmsNorm(input, inBlock(names.norms[0])), names.projections, widths);
  const shape = { batch, tokens, heads, keyHeads, headSize, cap: sizes.caps?.attention };
  const scaled = sizes.attentionScale === undefined ? shape : { ...shape, scale: sizes.attentionScale };
  const [query, key, value] = projected.map((x, place) => {
    const name = names.headNorms?.[place];
    const normal = name === undefined ? x : rmsNorm(tf.reshape(x, [-1, headSize]), inBlock(name));
    return splitHeads(tf, normal, shape);
  });
  const turn = (x: Tensor) => (rotary === undefined ? x : turns.get(rotary)!(x));
  const given = { query: turn(query!), key: turn(key!), value: value! };
  const mixed = attend(tf, given, masks.get(window)!, scaled, (weights) => pass.drop(weights, inBlock('self_attn')));
  const middle = tf.add(added(dense(mixed, names.attentionOutput), names.attentionOutput, 0), input);

  const normal = rmsNorm(middle, inBlock(names.norms[1]));
  const [gate, up] = parts(normal, names.gated, [innerSize, innerSize]) as [Tensor, Tensor];
  const inner = tf.mul(activations[sizes.activation](tf, gate), up);
  return tf.add(added(dense(inner, names.down), names.down, 1), middle);
}

function sitesOf(names: DecoderNames, sizes: DecoderSizes, batch: number, tokens: number): DropoutSite[] {
  const { heads, hiddenSize, dropout } = sizes;
  return sizes.blocks.flatMap((_, number) => {
    const inBlock = (name: string) => `${names.blocks}.${number}.${name}`;
    return [
      ...site(inBlock('self_attn'), [batch, heads, tokens, tokens], dropout.attention),
      ...[names.attentionOutput, names.down].flatMap((name) =>
        site(inBlock(name), [batch * tokens, hiddenSize], dropout.residual ?? 0),
      ),
    ];
  });
}

/** @throws UserError when heads can't share keys. */
function checkSizes({ heads, keyHeads }: DecoderSizes, where: string): void {
  if (heads % keyHeads === 0) return;
  throw new UserError(`${heads} heads can't share ${keyHeads} keys evenly (num_key_value_heads)`, {
    where,
    remedy: 'Take the config.json that belongs to the weights.',
  });
}

/** A decoder for a task. @throws UserError when heads can't share keys. */
export function buildDecoder(
  names: DecoderNames,
  sizes: DecoderSizes,
  { task, labels, where }: LanguageSettings,
): LanguageModel {
  checkSizes(sizes, where);
  const { vocabulary, hiddenSize, isTied, padding, embeddingScale = 1 } = sizes;
  const { words } = names;
  const cap = sizes.caps?.words;
  const { ofTokens } = sizes;
  const head = decoderHead({ task, labels, hiddenSize, vocabulary, words, isTied, padding, cap, ofTokens });
  const modules = [...modulesOf(names, sizes), ...head.modules];
  return {
    task,
    parameters: parametersOf(modules),
    frozen: [],
    tied: head.tied,
    layers: layersOf(modules),
    dense: denseLayersOf(modules),
    attention: { blocks: sizes.blocks.length, heads: sizes.heads, headSize: sizes.headSize },
    vocabulary,
    maxTokens: sizes.maxTokens,
    padding,
    initialise: (random, names) => initialValues(modules, sizes.deviation, random, names),
    dropoutSites: (batch, tokens) => [...sitesOf(names, sizes, batch, tokens), ...head.sites(batch, tokens)],
    forward(tf, parameters, given, dropout, update) {
      const pass = beginPass(tf, parameters, given, dropout, update);
      const shared = share(pass, sizes);
      const rows = lookUp(tf, pass.parameter(`${words}.weight`), flatNumbers(tf, given.inputIds), padding);
      let hidden = embeddingScale === 1 ? rows : tf.mul(rows, embeddingScale);
      for (let number = 0; number < sizes.blocks.length; number++) {
        hidden = throughBlock(pass, hidden, (input) => block(pass, names, sizes, number, input, shared));
      }
      return head.apply(pass, shared.rmsNorm(hidden, names.finalNorm));
    },
  };
}
