/** The encoder that BERT and its descendants share: embeddings, and blocks that normalise after each sum. */
import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { type ActivationName, activations } from '../blocks/activations.ts';
import { attend, scoreMask, splitHeads, upperOnes } from '../blocks/attention.ts';
import { lookUp } from '../blocks/look-up.ts';
import { isNumber, numbersBelow } from '../blocks/numbers.ts';
import type { DropoutSite } from '../dropout.ts';
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
import { beginPass, flatNumbers, type Pass, site } from './pass.ts';

/** Names of the encoder's modules; those of a block are below `<blocks>.<number>`. */
export interface EncoderNames {
  readonly words: string;
  readonly positions: string;
  /** Absent: texts are not told apart. */
  readonly types?: string;
  readonly embeddingNorm: string;
  /** From the size of the embeddings to that of the blocks, where they differ. */
  readonly projection?: string;
  readonly blocks: string;
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
  readonly dropout: { readonly hidden: number; readonly attention: number; readonly attentionOutput: number };
  /** Standard deviation of fresh weights. */
  readonly deviation: number;
  /** Fresh positions, where they are not drawn. */
  readonly freshPositions?: () => Float32Array;
}

/** What makes logits of the encoder's output. */
export interface Head {
  readonly modules: readonly Module[];
  /** As of a model. */
  readonly tied: readonly string[];
  sites(batch: number): readonly DropoutSite[];
  /** From `[batch * tokens, hidden]`. */
  apply(pass: Pass, hidden: Tensor): Tensor;
}

function modulesOf(names: EncoderNames, sizes: EncoderSizes): Module[] {
  const { vocabulary, positions, types, embeddingSize, hiddenSize, innerSize, padding } = sizes;
  const ofPositions = {
    ...(sizes.positionsAfterPadding ? { padding } : {}),
    ...(sizes.freshPositions ? { values: sizes.freshPositions } : {}),
  };
  return [
    embedding(names.words, vocabulary, embeddingSize, { padding }),
    embedding(names.positions, positions, embeddingSize, ofPositions),
    ...(names.types === undefined ? [] : [embedding(names.types, types, embeddingSize)]),
    norm(names.embeddingNorm, embeddingSize),
    ...(embeddingSize === hiddenSize ? [] : [denseModule(names.projection!, embeddingSize, hiddenSize)]),
    ...Array.from({ length: sizes.blocks }, (_, number): Module[] => {
      const inBlock = (name: string) => `${names.blocks}.${number}.${name}`;
      return [
        ...[names.query, names.key, names.value, names.attentionOutput].map((name) =>
          denseModule(inBlock(name), hiddenSize, hiddenSize),
        ),
        norm(inBlock(names.attentionNorm), hiddenSize),
        denseModule(inBlock(names.up), hiddenSize, innerSize),
        denseModule(inBlock(names.down), innerSize, hiddenSize),
        norm(inBlock(names.outputNorm), hiddenSize),
      ];
    }).flat(),
  ];
}

function sitesOf(names: EncoderNames, sizes: EncoderSizes, batch: number, tokens: number): DropoutSite[] {
  const { heads, hiddenSize, embeddingSize, dropout } = sizes;
  const hidden = [batch * tokens, hiddenSize];
  return [
    ...site(names.embeddingNorm, [batch * tokens, embeddingSize], dropout.hidden),
    ...Array.from({ length: sizes.blocks }, (_, number): DropoutSite[] => {
      const inBlock = (name: string) => `${names.blocks}.${number}.${name}`;
      return [
        ...site(inBlock('attention'), [batch, heads, tokens, tokens], dropout.attention),
        ...site(inBlock(names.attentionOutput), hidden, dropout.attentionOutput),
        ...site(inBlock(names.down), hidden, dropout.hidden),
      ];
    }).flat(),
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
  const table = parameter(`${names.positions}.weight`);
  const perToken = (rows: Tensor): Tensor =>
    tf.reshape(tf.add(tf.reshape(words, [batch, tokens, embeddingSize]), rows), [-1, embeddingSize]);
  const placed = sizes.positionsAfterPadding
    ? tf.add(words, lookUp(tf, table, positionsAfterPadding(tf, ids, padding), padding))
    : perToken(tf.slice(table, [0, 0], [tokens, -1]));
  const typed = names.types === undefined ? placed : tf.add(placed, typesOf(pass, names.types));
  const normal = pass.drop(pass.layerNorm(typed, names.embeddingNorm, sizes.epsilon), names.embeddingNorm);
  return embeddingSize === sizes.hiddenSize ? normal : pass.dense(normal, names.projection!);
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

function block(pass: Pass, names: EncoderNames, sizes: EncoderSizes, number: number, input: Tensor, mask: Tensor) {
  const { tf, batch, tokens, drop, dense } = pass;
  const { heads, hiddenSize, epsilon } = sizes;
  const inBlock = (name: string) => `${names.blocks}.${number}.${name}`;
  const shape = { batch, tokens, heads, keyHeads: heads, headSize: hiddenSize / heads };
  const projected = (name: string) => splitHeads(tf, dense(input, inBlock(name)), shape);
  const mixed = attend(
    tf,
    { query: projected(names.query), key: projected(names.key), value: projected(names.value) },
    mask,
    shape,
    (weights) => drop(weights, inBlock('attention')),
  );
  const attended = drop(dense(mixed, inBlock(names.attentionOutput)), inBlock(names.attentionOutput));
  const middle = pass.layerNorm(tf.add(attended, input), inBlock(names.attentionNorm), epsilon);
  const inner = activations[sizes.activation](tf, dense(middle, inBlock(names.up)));
  const output = drop(dense(inner, inBlock(names.down)), inBlock(names.down));
  return pass.layerNorm(tf.add(output, middle), inBlock(names.outputNorm), epsilon);
}

/** The first token of every text: `[batch * tokens, size]` to `[batch, size]`. */
export function firstTokens({ tf, batch, tokens }: Pass, hidden: Tensor): Tensor {
  const size = hidden.shape[1]!;
  return tf.reshape(tf.slice(tf.reshape(hidden, [batch, tokens * size]), [0, 0], [batch, size]), [batch, size]);
}

/** An encoder with a head. */
export function buildEncoder(
  names: EncoderNames,
  sizes: EncoderSizes,
  head: Head,
  { task }: LanguageSettings,
): LanguageModel {
  const modules = [...modulesOf(names, sizes), ...head.modules];
  return {
    task,
    parameters: parametersOf(modules),
    frozen: [],
    tied: head.tied,
    layers: layersOf(modules),
    dense: denseLayersOf(modules),
    attention: { blocks: sizes.blocks, heads: sizes.heads, headSize: sizes.hiddenSize / sizes.heads },
    vocabulary: sizes.vocabulary,
    maxTokens: sizes.positionsAfterPadding ? sizes.positions - sizes.padding - 1 : sizes.positions,
    padding: sizes.padding,
    initialise: (random, names) => initialValues(modules, sizes.deviation, random, names),
    dropoutSites: (batch, tokens) => [...sitesOf(names, sizes, batch, tokens), ...head.sites(batch)],
    forward(tf, parameters, given, dropout, update) {
      const pass = beginPass(tf, parameters, given, dropout, update);
      const mask = scoreMask(tf, given.attentionMask, false);
      let hidden = embed(pass, names, sizes);
      for (let number = 0; number < sizes.blocks; number++) hidden = block(pass, names, sizes, number, hidden, mask);
      return head.apply(pass, hidden);
    },
  };
}
