/** The encoder that BERT and its descendants share: embeddings, and blocks that normalise after each sum. */
import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { type ActivationName, activations } from '../blocks/activations.ts';
import { attend, scoreMask, splitHeads, upperOnes } from '../blocks/attention.ts';
import { lookUp } from '../blocks/look-up.ts';
import { isNumber, numbersBelow } from '../blocks/numbers.ts';
import type { DropoutSite } from '../dropout.ts';
import type { FurtherUse, LanguageModel, LanguageSettings } from './model.ts';
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
import { firstTokens, poolTexts } from './pool.ts';

/** Names of the encoder's modules; those from `query` on are below the block's. */
export interface EncoderNames {
  readonly words: string;
  /** Absent: positions are told by attention alone. */
  readonly positions?: string;
  /** Absent: texts are not told apart. */
  readonly types?: string;
  readonly embeddingNorm: string;
  /** From the size of the embeddings to that of the blocks, where they differ or `sizes.alwaysProjected`. */
  readonly projection?: string;
  /** Of block n, in the order in which they are applied; a name that comes again is a block that is applied again. */
  readonly block: (number: number) => string;
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly attentionOutput: string;
  readonly attentionNorm: string;
  readonly up: string;
  readonly down: string;
  readonly outputNorm: string;
}

export interface EncoderSizes {
  readonly vocabulary: number;
  readonly positions: number;
  readonly types: number;
  readonly embeddingSize: number;
  readonly hiddenSize: number;
  readonly blocks: number;
  readonly heads: number;
  readonly innerSize: number;
  readonly activation: ActivationName;
  readonly epsilon: number;
  readonly padding: number;
  /** Whether positions are counted from the padding's number on, and only for tokens that are no padding, as in RoBERTa. */
  readonly positionsAfterPadding: boolean;
  readonly dropout: {
    /** The dropout rate of embeddings. */
    readonly hidden: number;
    /** Of the weights of attention, of its output, and of a block's output. */
    readonly attention: number;
    readonly attentionOutput: number;
    readonly output: number;
  };
  /** Standard deviation of fresh weights. */
  readonly deviation: number;
  /** Fresh positions, where they are not drawn. */
  readonly freshPositions?: () => Float32Array;
  /** Whether embeddings go through the projection even where it changes no size, as in ALBERT. */
  readonly alwaysProjected?: boolean;
  /** Longest text in tokens, where positions don't say it. */
  readonly maxTokens?: number;
}

/** The modules that a kind adds to BERT's encoder. */
export interface EncoderAddition {
  /** Modules that all blocks share; they are listed before the blocks. */
  readonly modules: readonly Module[];
  /** Modules of a block, after its projections. */
  readonly inBlock?: (block: string) => readonly Module[];
  /** Further uses of a block's layer, as of a `DenseLayer`. */
  readonly again?: (block: string, layer: string) => readonly FurtherUse[];
  readonly sites?: (batch: number, tokens: number) => readonly DropoutSite[];
  /** By which the products of queries and keys are multiplied; absent: 1 / sqrt(size of a head). */
  readonly scale?: number;
  /** @param mask of `scoreMask` */
  begin(pass: Pass, mask: Tensor): EncoderAdditionPass;
}

/** An addition in one forward pass. */
export interface EncoderAdditionPass {
  /**
   * What is added to the scores in a block, `[batch or 1, heads or 1, tokens or 1, tokens]`.
   * @param rows the block's queries and keys, `[batch * tokens, heads * size]`
   */
  scoresPlus(block: string, rows: { readonly query: Tensor; readonly key: Tensor }): Tensor;
  /** The embeddings as the blocks are given them; absent: as they are. */
  embedded?(hidden: Tensor): Tensor;
  /** The output of block n as the next one is given it; absent: as it is. */
  after?(number: number, hidden: Tensor, embedded: Tensor): Tensor;
}

/** The head that makes logits of the encoder's output. */
export interface Head {
  readonly modules: readonly Module[];
  /** The names of parameters that are tied, as of a model. */
  readonly tied: readonly string[];
  /** Whether it reads nothing but the first token of each text, so that it may be given those rows alone; absent: no. */
  readonly readsFirst?: boolean;
  sites(batch: number, tokens: number): readonly DropoutSite[];
  /** From `[batch * tokens, hidden]`; where it `readsFirst`, from `[batch, hidden]` too. */
  apply(pass: Pass, hidden: Tensor): Tensor;
}

/** The blocks in the order in which they are applied; `site` is of one application. */
function blocksOf(
  names: EncoderNames,
  sizes: EncoderSizes,
): readonly { readonly name: string; readonly site: string }[] {
  const seen = new Set<string>();
  return Array.from({ length: sizes.blocks }, (_, number) => {
    const name = names.block(number);
    const site = seen.has(name) ? `${name} again ${number}` : name;
    seen.add(name);
    return { name, site };
  });
}

const isProjected = ({ embeddingSize, hiddenSize, alwaysProjected = false }: EncoderSizes): boolean =>
  alwaysProjected || embeddingSize !== hiddenSize;

/** What a block's last application computes for each text's first token alone, where nothing else of it is read: all but keys and values. */
const firstAlone = (names: EncoderNames): readonly string[] => [
  names.query,
  names.attentionOutput,
  names.up,
  names.down,
];

function modulesOf(
  names: EncoderNames,
  sizes: EncoderSizes,
  addition: EncoderAddition | undefined,
  endsWithFirst: boolean,
): Module[] {
  const { vocabulary, positions, types, embeddingSize, hiddenSize, innerSize, padding } = sizes;
  const ofPositions = {
    ...(sizes.positionsAfterPadding ? { padding } : {}),
    ...(sizes.freshPositions ? { values: sizes.freshPositions } : {}),
  };
  const applied = blocksOf(names, sizes);
  const blocks = Map.groupBy(applied, ({ name }) => name);
  return [
    embedding(names.words, vocabulary, embeddingSize, { padding }),
    ...(names.positions === undefined ? [] : [embedding(names.positions, positions, embeddingSize, ofPositions)]),
    ...(names.types === undefined ? [] : [embedding(names.types, types, embeddingSize)]),
    norm(names.embeddingNorm, embeddingSize),
    ...(isProjected(sizes) ? [denseModule(names.projection!, embeddingSize, hiddenSize)] : []),
    ...(addition?.modules ?? []),
    ...[...blocks].flatMap(([block, uses]): Module[] => {
      const inBlock = (name: string) => `${block}.${name}`;
      const layer = (name: string, inputs: number, outputs: number) => {
        const rowsOf = (use: (typeof applied)[number]) =>
          endsWithFirst && use === applied.at(-1) && firstAlone(names).includes(name) ? { perText: true } : {};
        const more = [
          ...uses.slice(1).map((use) => ({ name: `${use.site}.${name}`, ...rowsOf(use) })),
          ...(addition?.again?.(block, name) ?? []),
        ];
        const again = more.length > 0 ? { again: more } : {};
        return denseModule(inBlock(name), inputs, outputs, { ...rowsOf(uses[0]!), ...again });
      };
      return [
        ...[names.query, names.key, names.value].map((name) => layer(name, hiddenSize, hiddenSize)),
        ...(addition?.inBlock?.(block) ?? []),
        layer(names.attentionOutput, hiddenSize, hiddenSize),
        norm(inBlock(names.attentionNorm), hiddenSize),
        layer(names.up, hiddenSize, innerSize),
        layer(names.down, innerSize, hiddenSize),
        norm(inBlock(names.outputNorm), hiddenSize),
      ];
    }),
  ];
}

function sitesOf(
  names: EncoderNames,
  sizes: EncoderSizes,
  [batch, tokens]: readonly [batch: number, tokens: number],
  endsWithFirst: boolean,
): DropoutSite[] {
  const { heads, hiddenSize, embeddingSize, dropout } = sizes;
  return [
    ...site(names.embeddingNorm, [batch * tokens, embeddingSize], dropout.hidden),
    ...blocksOf(names, sizes).flatMap(({ site: block }, number): DropoutSite[] => {
      const rows = endsWithFirst && number === sizes.blocks - 1 ? 1 : tokens;
      return [
        ...site(`${block}.attention`, [batch, heads, rows, tokens], dropout.attention),
        ...site(`${block}.${names.attentionOutput}`, [batch * rows, hiddenSize], dropout.attentionOutput),
        ...site(`${block}.${names.down}`, [batch * rows, hiddenSize], dropout.output),
      ];
    }),
  ];
}

/** Padding keeps the padding's number, every other token the count of such tokens up to it, added to that number. */
function positionsAfterPadding(tf: TensorLibrary, ids: Tensor, padding: number): Tensor {
  const tokens = ids.shape[1]!;
  const isToken = tf.sub(1, isNumber(tf, ids, padding));
  const count = tf.matMul(isToken, upperOnes(tf, tokens));
  return flatNumbers(tf, tf.add(tf.mul(count, isToken), padding));
}

function embed(pass: Pass, names: EncoderNames, sizes: EncoderSizes): Tensor {
  const { tf, batch, tokens, given, parameter } = pass;
  const { padding, embeddingSize } = sizes;
  const ids = tf.cast(given.inputIds, 'int32');
  const words = lookUp(tf, parameter(`${names.words}.weight`), flatNumbers(tf, ids), padding);
  const perToken = (rows: Tensor): Tensor =>
    tf.reshape(tf.add(tf.reshape(words, [batch, tokens, embeddingSize]), rows), [-1, embeddingSize]);
  const placed = (positions: string): Tensor => {
    const table = parameter(`${positions}.weight`);
    return sizes.positionsAfterPadding
      ? tf.add(words, lookUp(tf, table, positionsAfterPadding(tf, ids, padding), padding))
      : perToken(tf.slice(table, [0, 0], [tokens, -1]));
  };
  const here = names.positions === undefined ? words : placed(names.positions);
  const typed = names.types === undefined ? here : tf.add(here, typesOf(pass, names.types));
  const normal = pass.drop(pass.layerNorm(typed, names.embeddingNorm, sizes.epsilon), names.embeddingNorm);
  return isProjected(sizes) ? pass.dense(normal, names.projection!) : normal;
}

/** Rows of the table of types: as a product with 0/1 rows, for the table has very few. */
function typesOf({ tf, given, parameter }: Pass, name: string): Tensor {
  const table = parameter(`${name}.weight`);
  const first = tf.slice(table, [0, 0], [1, -1]);
  if (!given.tokenTypeIds || table.shape[0] === 1) return first;
  const types = tf.reshape(flatNumbers(tf, given.tokenTypeIds), [-1, 1]);
  const isOf = tf.equal(types, numbersBelow(tf, table.shape[0]!));
  return tf.matMul(tf.cast(isOf, 'float32'), table);
}

interface BlockAttention extends Pick<EncoderAdditionPass, 'scoresPlus'> {
  readonly scale: number | undefined;
  /** Whether nothing but the first token of each text is asked for. */
  readonly isOfFirst: boolean;
}

/** A block's output, `[batch * tokens, hidden]`, or `[batch, hidden]` of the first tokens. */
function block(
  pass: Pass,
  names: EncoderNames,
  sizes: EncoderSizes,
  { name, site: applied }: { readonly name: string; readonly site: string },
  input: Tensor,
  { scoresPlus, scale, isOfFirst }: BlockAttention,
) {
  const { tf, batch, tokens, drop, dense } = pass;
  const { heads, hiddenSize, epsilon } = sizes;
  const inBlock = (module: string) => `${name}.${module}`;
  const again = (module: string) => (applied === name ? {} : { again: `${applied}.${module}` });
  const project = (x: Tensor, module: string) => dense(x, inBlock(module), again(module));
  const shape = { batch, tokens, heads, keyHeads: heads, headSize: hiddenSize / heads, ...(scale ? { scale } : {}) };
  const asked = isOfFirst ? firstTokens(pass, input) : input;
  const query = project(asked, names.query);
  const [key, value] = [names.key, names.value].map((module) => project(input, module)) as [Tensor, Tensor];
  const ofQueries = isOfFirst ? { ...shape, tokens: 1, keyTokens: tokens } : shape;
  const mixed = attend(
    tf,
    {
      query: splitHeads(tf, query, ofQueries),
      key: splitHeads(tf, key, shape),
      value: splitHeads(tf, value, shape),
    },
    scoresPlus(name, { query, key }),
    ofQueries,
    (weights) => drop(weights, `${applied}.attention`),
  );
  const attended = drop(project(mixed, names.attentionOutput), `${applied}.${names.attentionOutput}`);
  const middle = pass.layerNorm(tf.add(attended, asked), inBlock(names.attentionNorm), epsilon);
  const inner = activations[sizes.activation](tf, project(middle, names.up));
  const output = drop(project(inner, names.down), `${applied}.${names.down}`);
  return pass.layerNorm(tf.add(output, middle), inBlock(names.outputNorm), epsilon);
}

/** Longest text that the positions reach. */
function longest({ maxTokens, positions, positionsAfterPadding: after, padding }: EncoderSizes): number {
  return maxTokens ?? (after ? positions - padding - 1 : positions);
}

/** An encoder with a head. */
export function buildEncoder(
  names: EncoderNames,
  sizes: EncoderSizes,
  head: Head,
  { task }: LanguageSettings,
  addition?: EncoderAddition,
): LanguageModel {
  // What additions add to the scores is of all tokens.
  const endsWithFirst = head.readsFirst === true && addition === undefined;
  const modules = [...modulesOf(names, sizes, addition, endsWithFirst), ...head.modules];
  const blocks = blocksOf(names, sizes);
  /** The last block's output, `[batch * tokens, hidden]`, or `[batch, hidden]` of the first tokens. */
  const encode = (pass: Pass, ofFirst: boolean): Tensor => {
    const mask = scoreMask(pass.tf, pass.given.attentionMask, false);
    const added = addition?.begin(pass, mask);
    const scores = { scoresPlus: added?.scoresPlus ?? (() => mask), scale: addition?.scale };
    const words = embed(pass, names, sizes);
    const embedded = added?.embedded?.(words) ?? words;
    const through = (each: (typeof blocks)[number], number: number) => (hidden: Tensor) => {
      const isOfFirst = ofFirst && number === blocks.length - 1;
      const output = block(pass, names, sizes, each, hidden, { ...scores, isOfFirst });
      return added?.after?.(number, output, embedded) ?? output;
    };
    return blocks.reduce((hidden, each, number) => throughBlock(pass, hidden, through(each, number)), embedded);
  };
  return {
    task,
    parameters: parametersOf(modules),
    frozen: [],
    tied: head.tied,
    layers: layersOf(modules),
    dense: denseLayersOf(modules),
    attention: { blocks: sizes.blocks, heads: sizes.heads, headSize: sizes.hiddenSize / sizes.heads, endsWithFirst },
    vocabulary: sizes.vocabulary,
    maxTokens: longest(sizes),
    padding: sizes.padding,
    initialise: (random, names) => initialValues(modules, sizes.deviation, random, names),
    dropoutSites: (batch, tokens) => [
      ...sitesOf(names, sizes, [batch, tokens], endsWithFirst),
      ...(addition?.sites?.(batch, tokens) ?? []),
      ...head.sites(batch, tokens),
    ],
    forward(tf, parameters, given, dropout, update) {
      const pass = beginPass(tf, parameters, given, dropout, update);
      return head.apply(pass, encode(pass, endsWithFirst));
    },
    embed(tf, parameters, given, dropout, embedding, update) {
      const pass = beginPass(tf, parameters, given, dropout, update);
      return poolTexts(pass, encode(pass, endsWithFirst && embedding.pooling === 'cls'), embedding);
    },
  };
}
