/** An encoder of texts and a decoder that writes others, as in T5: norms before each sum, scores of attention by distance. */
import type { Random } from '../../core/random.ts';
import type { Tensor } from '../../engines/engine.ts';
import { type ActivationName, activations } from '../blocks/activations.ts';
import { attend, scoreMask, splitHeads } from '../blocks/attention.ts';
import { lookUp } from '../blocks/look-up.ts';
import { relativeBuckets } from '../blocks/relative-positions.ts';
import { type DropoutSite, noDropout } from '../dropout.ts';
import type { Head } from './encoder.ts';
import type { LanguageModel, LanguageSettings, LanguageTask } from './model.ts';
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
import { beginPass, flatNumbers, type Pass, perToken, scoreByTable, site, throughBlock } from './pass.ts';

/** Names of the modules. Those of a block are below `<half>.<blocks>.<number>`, those of attention below its own name. */
export interface EncoderDecoderNames {
  readonly words: string;
  readonly halves: readonly [encoder: string, decoder: string];
  readonly blocks: string;
  readonly finalNorm: string;
  /** The layers of a block, by the place that they have in it. */
  readonly inBlock: (place: number) => string;
  readonly norm: string;
  readonly attention: string;
  /** The name of the attention from the decoder to the text. */
  readonly crossAttention: string;
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly output: string;
  /** The table of what heads add to scores, by distance. */
  readonly distances: string;
  /** Up, or the gate and what it lets through. */
  readonly up: readonly [up: string] | readonly [gate: string, up: string];
  readonly down: string;
  /** The layer that scores words, where there is one. */
  readonly scores: string;
}

export interface EncoderDecoderSizes {
  readonly vocabulary: number;
  readonly hiddenSize: number;
  readonly innerSize: number;
  readonly heads: number;
  readonly headSize: number;
  readonly blocks: readonly [encoder: number, decoder: number];
  readonly activation: ActivationName;
  readonly epsilon: number;
  /** Distances share so many rows of their table; from the farthest on all share the last. */
  readonly distances: { readonly buckets: number; readonly farthest: number };
  /** Whether each block has a table of distances; else the first one's is for all. */
  readonly tableInEveryBlock: boolean;
  /** Whether words are scored by the table of their embeddings. */
  readonly isTied: boolean;
  /** By which the decoder's output is multiplied before words are scored. */
  readonly scoreScale: number;
  readonly start: number;
  readonly padding: number;
  /** The token that ends a text. */
  readonly end: number;
  readonly dropout: number;
  /** By which the deviations of fresh weights, and the weights of fresh norms, are multiplied. */
  readonly freshFactor: number;
}

/** The encoder or the decoder. */
interface Half {
  readonly name: string;
  readonly blocks: number;
  readonly isDecoder: boolean;
}

const encoderOf = (names: EncoderDecoderNames, sizes: EncoderDecoderSizes): Half => ({
  name: names.halves[0],
  blocks: sizes.blocks[0],
  isDecoder: false,
});
const decoderOf = (names: EncoderDecoderNames, sizes: EncoderDecoderSizes): Half => ({
  name: names.halves[1],
  blocks: sizes.blocks[1],
  isDecoder: true,
});

/** Names in one block. */
interface BlockNames {
  /** Each with its norm. */
  readonly attention: readonly [own: string, norm: string];
  readonly cross: readonly [own: string, norm: string] | undefined;
  readonly up: readonly string[];
  readonly down: string;
  readonly norm: string;
}

function blockNames(names: EncoderDecoderNames, { name, isDecoder }: Half, number: number): BlockNames {
  const at = (place: number, module: string) => `${name}.${names.blocks}.${number}.${names.inBlock(place)}.${module}`;
  const last = isDecoder ? 2 : 1;
  return {
    attention: [at(0, names.attention), at(0, names.norm)],
    cross: isDecoder ? [at(1, names.crossAttention), at(1, names.norm)] : undefined,
    up: names.up.map((module) => at(last, module)),
    down: at(last, names.down),
    norm: at(last, names.norm),
  };
}

const numbersOf = ({ blocks }: Half): number[] => [...Array(blocks).keys()];

function modulesOf(names: EncoderDecoderNames, sizes: EncoderDecoderSizes, halves: readonly Half[]): Module[] {
  const { vocabulary, hiddenSize, innerSize, heads, headSize, freshFactor: factor } = sizes;
  const projected = heads * headSize;
  const rmsNorm = (name: string) => norm(name, hiddenSize, false, factor);
  const layer = (name: string, inputs: number, outputs: number, variance: number, perTarget: boolean) =>
    denseModule(name, inputs, outputs, {
      bias: false,
      deviation: factor * variance ** -0.5,
      ...(perTarget ? { perTarget } : {}),
    });
  const attentionOf = (name: string, isCross: boolean, isDecoder: boolean, hasTable: boolean): Module[] => [
    layer(`${name}.${names.query}`, hiddenSize, projected, hiddenSize * headSize, isDecoder),
    ...[names.key, names.value].map((each) =>
      layer(`${name}.${each}`, hiddenSize, projected, hiddenSize, isDecoder && !isCross),
    ),
    ...(hasTable
      ? [
          embedding(`${name}.${names.distances}`, sizes.distances.buckets, heads, {
            deviation: factor * hiddenSize ** -0.5,
          }),
        ]
      : []),
    layer(`${name}.${names.output}`, projected, hiddenSize, projected, isDecoder),
  ];
  return [
    embedding(names.words, vocabulary, hiddenSize, { deviation: factor }),
    ...halves.flatMap((half): Module[] => [
      ...numbersOf(half).flatMap((number): Module[] => {
        const { isDecoder } = half;
        const block = blockNames(names, half, number);
        const [own, ownNorm] = block.attention;
        return [
          rmsNorm(ownNorm),
          ...attentionOf(own, false, isDecoder, number === 0 || sizes.tableInEveryBlock),
          ...(block.cross ? [rmsNorm(block.cross[1]), ...attentionOf(block.cross[0], true, true, false)] : []),
          rmsNorm(block.norm),
          ...block.up.map((name) => layer(name, hiddenSize, innerSize, hiddenSize, isDecoder)),
          layer(block.down, innerSize, hiddenSize, innerSize, isDecoder),
        ];
      }),
      rmsNorm(`${half.name}.${names.finalNorm}`),
    ]),
  ];
}

/** Where elements of the embeddings are dropped, which both halves share. */
const wordsSite = ({ name }: Half) => `${name}.words`;

function sitesOf(
  names: EncoderDecoderNames,
  sizes: EncoderDecoderSizes,
  halves: readonly Half[],
  batch: number,
  [tokens, targets]: readonly [encoder: number, decoder: number],
): DropoutSite[] {
  const { hiddenSize, innerSize, heads, dropout } = sizes;
  return halves.flatMap((half): DropoutSite[] => {
    const own = half.isDecoder ? targets : tokens;
    const dropped = (name: string, size = hiddenSize) => site(name, [batch * own, size], dropout);
    const weights = (name: string, keys: number) => site(name, [batch, heads, own, keys], dropout);
    return [
      ...dropped(wordsSite(half)),
      ...numbersOf(half).flatMap((number) => {
        const { attention, cross, down } = blockNames(names, half, number);
        return [
          ...weights(attention[0], own),
          ...dropped(`${attention[0]}.${names.output}`),
          ...(cross ? [...weights(cross[0], tokens), ...dropped(`${cross[0]}.${names.output}`)] : []),
          ...dropped(`${down} input`, innerSize),
          ...dropped(down),
        ];
      }),
      ...dropped(`${half.name}.${names.finalNorm}`),
    ];
  });
}

/** The text that a decoder attends to. */
interface Source {
  readonly hidden: Tensor;
  readonly tokens: number;
  readonly mask: Tensor;
}

/**
 * A half's output, `[batch * tokens, hidden]`.
 * @param ids `[batch, tokens]`, int32
 * @param mask of `scoreMask`
 */
function apply(
  pass: Pass,
  names: EncoderDecoderNames,
  sizes: EncoderDecoderSizes,
  half: Half,
  ids: Tensor,
  mask: Tensor,
  source?: Source,
): Tensor {
  const { tf, batch, drop, dense, parameter } = pass;
  const { heads, headSize, epsilon } = sizes;
  const tokens = ids.shape[1]!;
  const shape = { batch, tokens, heads, keyHeads: heads, headSize, scale: 1 };
  const rmsNorm = (x: Tensor, name: string) => pass.rmsNorm(x, name, epsilon);
  const numbers = relativeBuckets(tokens, { ...sizes.distances, bothSides: !half.isDecoder });
  /** The mask with what heads add, `[batch or 1, heads, tokens, tokens]`. */
  const masked = (attention: string): Tensor => {
    const table = parameter(`${attention}.${names.distances}.weight`);
    const each = tf.reshape(lookUp(tf, table, tf.tensor1d(numbers, 'int32')), [1, tokens, tokens, heads]);
    return tf.add(mask, tf.transpose(each, [0, 3, 1, 2]));
  };
  const attended = (x: Tensor, name: string, scores: Tensor, to?: Source): Tensor => {
    const given = to?.hidden ?? x;
    const split = (rows: Tensor, count: number) => splitHeads(tf, rows, { ...shape, tokens: count });
    const keyTokens = to?.tokens ?? tokens;
    const query = split(dense(x, `${name}.${names.query}`), tokens);
    const [key, value] = [names.key, names.value].map((each) => split(dense(given, `${name}.${each}`), keyTokens));
    const parts = { query, key: key!, value: value! };
    const mixed = attend(tf, parts, scores, { ...shape, keyTokens }, (weights) => drop(weights, name));
    const output = `${name}.${names.output}`;
    return drop(dense(mixed, output), output);
  };
  const words = lookUp(tf, parameter(`${names.words}.weight`), flatNumbers(tf, ids));
  let hidden = drop(words, wordsSite(half));
  let scores: Tensor | undefined;
  for (const number of numbersOf(half)) {
    const { attention, cross, up, down, norm: lastNorm } = blockNames(names, half, number);
    if (scores === undefined || sizes.tableInEveryBlock) scores = masked(attention[0]);
    const added = scores;
    hidden = throughBlock(pass, hidden, (input) => {
      let x = tf.add(input, attended(rmsNorm(input, attention[1]), attention[0], added));
      if (cross && source) x = tf.add(x, attended(rmsNorm(x, cross[1]), cross[0], source.mask, source));
      const normal = rmsNorm(x, lastNorm);
      const [first, second] = up.map((name) => dense(normal, name));
      const active = activations[sizes.activation](tf, first!);
      const inner = drop(second ? tf.mul(active, second) : active, `${down} input`);
      return tf.add(x, drop(dense(inner, down), down));
    });
  }
  const finalNorm = `${half.name}.${names.finalNorm}`;
  return drop(rmsNorm(hidden, finalNorm), finalNorm);
}

/** Every token one place later, after `start`: `[batch, tokens]`, int32. */
function shifted({ tf, batch, tokens }: Pass, ids: Tensor, start: number): Tensor {
  return tf.concat([tf.fill([batch, 1], start, 'int32'), tf.slice(ids, [0, 0], [batch, tokens - 1])], 1);
}

/** The head that scores words at every token that is written. */
function wordScores(names: EncoderDecoderNames, sizes: EncoderDecoderSizes): Head {
  const { hiddenSize, vocabulary, isTied, scoreScale, freshFactor } = sizes;
  return {
    modules: isTied
      ? []
      : [denseModule(names.scores, hiddenSize, vocabulary, { bias: false, deviation: freshFactor, perTarget: true })],
    tied: isTied ? [`${names.words}.weight`] : [],
    sites: () => [],
    apply(pass, hidden) {
      const scaled = scoreScale === 1 ? hidden : pass.tf.mul(hidden, scoreScale);
      const scores = isTied ? scoreByTable(pass, scaled, names.words) : pass.dense(scaled, names.scores);
      return pass.tf.reshape(scores, [pass.batch, -1, vocabulary]);
    },
  };
}

/** The parts of a model that do not depend on what is computed. */
const described = (task: LanguageTask, modules: readonly Module[], sizes: EncoderDecoderSizes, { tied }: Head) => ({
  task,
  parameters: parametersOf(modules),
  frozen: [],
  tied,
  layers: layersOf(modules),
  dense: denseLayersOf(modules),
  vocabulary: sizes.vocabulary,
  maxTokens: Number.MAX_SAFE_INTEGER,
  padding: sizes.padding,
  initialise: (random: Random, only?: ReadonlySet<string>) => initialValues(modules, 1, random, only),
});

/**
 * An encoder-decoder that writes texts, or with a head that labels them by what the decoder makes of the text itself.
 * @param labelling absent: it writes
 */
export function buildEncoderDecoder(
  names: EncoderDecoderNames,
  sizes: EncoderDecoderSizes,
  { task }: LanguageSettings,
  labelling?: Head,
): LanguageModel {
  const head = labelling ?? wordScores(names, sizes);
  const [encoder, decoder] = [encoderOf(names, sizes), decoderOf(names, sizes)];
  const halves = [encoder, decoder];
  const modules = [...modulesOf(names, sizes, halves), ...head.modules];
  const ofTexts = (pass: Pass, ids: Tensor, mask: Tensor) => apply(pass, names, sizes, encoder, ids, mask);
  const written = (pass: Pass, ids: Tensor, source: Source) => {
    const before = scoreMask(pass.tf, pass.tf.ones([1, ids.shape[1]!]), true);
    return apply(pass, names, sizes, decoder, ids, before, source);
  };
  const writing: Pick<LanguageModel, 'writing' | 'encode' | 'nextWord'> = {
    writing: { start: sizes.start, end: sizes.end },
    encode(tf, parameters, given, update) {
      const pass = beginPass(tf, parameters, given, noDropout, update);
      return ofTexts(pass, tf.cast(given.inputIds, 'int32'), scoreMask(tf, given.attentionMask, false));
    },
    nextWord(tf, parameters, { hidden, attentionMask, decoderIds, at }, update) {
      const ids = tf.cast(decoderIds, 'int32');
      const pass = beginPass(tf, parameters, { inputIds: ids, attentionMask }, noDropout, update);
      const source = { hidden, tokens: attentionMask.shape[1]!, mask: scoreMask(tf, attentionMask, false) };
      const rows = perToken(pass, written(pass, ids, source));
      const wanted: Tensor = tf.sum(tf.mul(rows, tf.reshape(at, [1, -1, 1])), 1);
      return tf.reshape(head.apply(pass, wanted), [pass.batch, sizes.vocabulary]);
    },
  };
  return {
    ...described(task, modules, sizes, head),
    attention: {
      blocks: encoder.blocks,
      decoderBlocks: decoder.blocks,
      heads: sizes.heads,
      headSize: sizes.headSize,
    },
    ...(labelling ? { end: sizes.end } : writing),
    dropoutSites: (batch, tokens, targets = tokens) => [
      ...sitesOf(names, sizes, halves, batch, [tokens, targets]),
      ...head.sites(batch, targets),
    ],
    forward(tf, parameters, given, dropout, update) {
      const pass = beginPass(tf, parameters, given, dropout, update);
      const ids = tf.cast(given.inputIds, 'int32');
      const mask = scoreMask(tf, given.attentionMask, false);
      const hidden = ofTexts(pass, ids, mask);
      const decoderIds = given.decoderIds ? tf.cast(given.decoderIds, 'int32') : shifted(pass, ids, sizes.start);
      return head.apply(pass, written(pass, decoderIds, { hidden, tokens: pass.tokens, mask }));
    },
  };
}

/** The encoder alone, with a head for what it makes of each token. */
export function buildEncoderHalf(
  names: EncoderDecoderNames,
  sizes: EncoderDecoderSizes,
  { task }: LanguageSettings,
  head: Head,
): LanguageModel {
  const encoder = encoderOf(names, sizes);
  const modules = [...modulesOf(names, sizes, [encoder]), ...head.modules];
  return {
    ...described(task, modules, sizes, head),
    attention: { blocks: encoder.blocks, heads: sizes.heads, headSize: sizes.headSize },
    dropoutSites: (batch, tokens) => [
      ...sitesOf(names, sizes, [encoder], batch, [tokens, 0]),
      ...head.sites(batch, tokens),
    ],
    forward(tf, parameters, given, dropout, update) {
      const pass = beginPass(tf, parameters, given, dropout, update);
      const mask = scoreMask(tf, given.attentionMask, false);
      return head.apply(pass, apply(pass, names, sizes, encoder, tf.cast(given.inputIds, 'int32'), mask));
    },
  };
}
