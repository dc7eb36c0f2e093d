/** What DeBERTa adds to BERT's encoder. Source: He et al. (ICLR 2021), as its second version is written. */
import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { type ActivationName, activations } from '../blocks/activations.ts';
import { dense } from '../blocks/dense.ts';
import { lookUp } from '../blocks/look-up.ts';
import { logBucket } from '../blocks/relative-positions.ts';
import type { EncoderAddition, EncoderNames, EncoderSizes } from './encoder.ts';
import { convModule, denseModule, embedding, norm } from './modules.ts';
import { type Pass, site } from './pass.ts';

/** Content to position, position to content. */
type Way = 'c2p' | 'p2c';

export interface RelativeSizes {
  readonly ways: readonly Way[];
  readonly farthest: number;
  /** Rows of the table for each direction; absent: one for each distance up to the farthest. */
  readonly buckets?: number;
  /** Whether distances are projected by the layers for queries and keys instead of layers of their own. */
  readonly shared: boolean;
  /** Absent: the table is not normalised. */
  readonly normEpsilon?: number;
}

/** The row of the table for every distance from `-(tokens - 1)` to `tokens - 1`. */
function rowsOf(tokens: number, { farthest, buckets }: RelativeSizes): number[] {
  const span = buckets ?? farthest;
  return Array.from({ length: 2 * tokens - 1 }, (_, column) => {
    const distance = column - (tokens - 1);
    const bucket = buckets === undefined ? distance : logBucket(distance, buckets, farthest);
    return Math.min(Math.max(bucket + span, 0), 2 * span - 1);
  });
}

/** `[n, tokens, 2 * tokens - 1]`, whose columns are `column - row` from `-(tokens - 1)` on, to `[n, tokens, tokens]`. */
function byPlace(tf: TensorLibrary, x: Tensor): Tensor {
  const [count, tokens, width] = x.shape as [number, number, number];
  if (tokens === 1) return x;
  const flat = tf.slice(tf.reshape(x, [count, tokens * width]), [0, tokens - 1], [count, tokens * (width - 1)]);
  return tf.slice(tf.reshape(flat, [count, tokens, width - 1]), [0, 0, 0], [count, tokens, tokens]);
}

/** `[rows, heads * size]` to `[heads, rows, size]`. */
function headsFirst(tf: TensorLibrary, rows: Tensor, heads: number): Tensor {
  return tf.transpose(tf.reshape(rows, [rows.shape[0]!, heads, -1]), [1, 0, 2]);
}

/** Scores of rows `[batch * tokens, heads * size]` with what stands for the distance from each token, `[heads * batch, tokens, tokens]`. */
function withDistances(
  { tf, batch, tokens }: Pass,
  heads: number,
  rows: Tensor,
  distances: Tensor,
  numbers: readonly number[],
): Tensor {
  const chosen = lookUp(tf, distances, tf.tensor1d(Int32Array.from(numbers), 'int32'));
  const scores = tf.matMul(headsFirst(tf, rows, heads), headsFirst(tf, chosen, heads), false, true);
  return byPlace(tf, tf.reshape(scores, [heads * batch, tokens, 2 * tokens - 1]));
}

/**
 * Attention that scores contents and distances apart.
 * @param encoder name of the module that holds the table
 * @param parts how many kinds of products a score is of, besides that of contents; it divides the scale even where there is no table
 */
export function disentangled(
  encoder: string,
  names: EncoderNames,
  sizes: EncoderSizes,
  parts: number,
  relative: RelativeSizes | undefined,
): EncoderAddition {
  const { hiddenSize, heads, blocks, dropout } = sizes;
  const scale = 1 / Math.sqrt((hiddenSize / heads) * (1 + parts));
  if (!relative) return { modules: [], scale, begin: (_, mask) => ({ scoresPlus: () => mask }) };
  const { ways, shared, normEpsilon } = relative;
  const tableRows = 2 * (relative.buckets ?? relative.farthest);
  const table = `${encoder}.rel_embeddings`;
  const tableNorm = `${encoder}.LayerNorm`;
  /** The layer that projects distances, and which of its uses that is. */
  const layers: Readonly<Record<Way, { own: string; shared: string }>> = {
    c2p: { own: 'attention.self.pos_key_proj', shared: names.key },
    p2c: { own: 'attention.self.pos_query_proj', shared: names.query },
  };
  const further = (block: string, layer: string) => `${block}.${layer} of distances`;
  const dropped = (block: string) => `${block}.attention.self.pos_dropout`;
  return {
    modules: [
      embedding(table, tableRows, hiddenSize),
      ...(normEpsilon === undefined ? [] : [norm(tableNorm, hiddenSize)]),
    ],
    inBlock: (block) =>
      shared
        ? []
        : ways.map((way) => denseModule(`${block}.${layers[way].own}`, hiddenSize, hiddenSize, { rows: tableRows })),
    again: (block, layer) =>
      shared && ways.some((way) => layers[way].shared === layer)
        ? [{ name: further(block, layer), rows: tableRows }]
        : [],
    sites: () =>
      Array.from({ length: ways.length > 0 ? blocks : 0 }, (_, number) =>
        site(dropped(names.block(number)), [tableRows, hiddenSize], dropout.hidden),
      ).flat(),
    scale,
    begin(pass, mask) {
      const { tf, batch, tokens } = pass;
      const plain = pass.parameter(`${table}.weight`);
      const distances = normEpsilon === undefined ? plain : pass.layerNorm(plain, tableNorm, normEpsilon);
      const rising = rowsOf(tokens, relative);
      const project = (block: string, way: Way, given: Tensor): Tensor =>
        shared
          ? pass.dense(given, `${block}.${layers[way].shared}`, { again: further(block, layers[way].shared) })
          : pass.dense(given, `${block}.${layers[way].own}`);
      return {
        scoresPlus(block, { query, key }) {
          if (ways.length === 0) return mask;
          const given = pass.drop(distances, dropped(block));
          const scores = ways.map((way) => {
            const projected = project(block, way, given);
            // A distance is the query's place less the key's; columns rise with the other's place.
            if (way === 'c2p') return withDistances(pass, heads, query, projected, rising.toReversed());
            return tf.transpose(withDistances(pass, heads, key, projected, rising), [0, 2, 1]);
          });
          const sum = scores.reduce((all, each) => tf.add(all, each));
          const byText = tf.transpose(tf.reshape(sum, [heads, batch, tokens, tokens]), [1, 0, 2, 3]);
          return tf.add(tf.mul(byText, scale), mask);
        },
      };
    },
  };
}

/**
 * An addition with a convolution of the embeddings besides, whose output is added to that of the first block.
 * @param name of the module that holds convolution and norm
 */
export function convolution(
  name: string,
  { hiddenSize, epsilon, dropout }: EncoderSizes,
  { taps, activation }: { readonly taps: number; readonly activation: ActivationName },
  addition: EncoderAddition,
): EncoderAddition {
  const [conv, convNorm] = [`${name}.conv`, `${name}.LayerNorm`];
  return {
    ...addition,
    modules: [...addition.modules, convModule(conv, hiddenSize, hiddenSize, taps), norm(convNorm, hiddenSize)],
    sites: (batch, tokens) => [
      ...(addition.sites?.(batch, tokens) ?? []),
      ...site(conv, [batch * tokens, hiddenSize], dropout.hidden),
    ],
    begin(pass, mask) {
      const { tf, batch, tokens, given, parameter } = pass;
      const isToken = tf.reshape(tf.cast(given.attentionMask, 'float32'), [batch * tokens, 1]);
      return {
        ...addition.begin(pass, mask),
        embedded: (hidden) => tf.mul(hidden, isToken),
        after(number, hidden, embedded) {
          if (number > 0) return hidden;
          const weight = tf.reshape(parameter(`${conv}.weight`), [hiddenSize, hiddenSize * taps]);
          const rows = neighbours(tf, tf.reshape(embedded, [batch, tokens, hiddenSize]), taps);
          const output = tf.mul(dense(tf, rows, weight, parameter(`${conv}.bias`)), isToken);
          const active = activations[activation](tf, pass.drop(output, conv));
          return tf.mul(pass.layerNorm(tf.add(hidden, active), convNorm, epsilon), isToken);
        },
      };
    },
  };
}

/** Every token with those before and after it, zeros beyond the ends: `[batch, tokens, size]` to `[batch * tokens, size * taps]`. */
function neighbours(tf: TensorLibrary, x: Tensor, taps: number): Tensor {
  const [batch, tokens, size] = x.shape as [number, number, number];
  const side = (taps - 1) / 2;
  const wide = tf.pad(x, [
    [0, 0],
    [side, side],
    [0, 0],
  ]);
  const shifted = Array.from({ length: taps }, (_, tap) => tf.slice(wide, [0, tap, 0], [batch, tokens, size]));
  return tf.reshape(tf.stack(shifted, 3), [batch * tokens, size * taps]);
}
