/** Pairs of labelled texts, to learn from which texts are alike. */
import { randomFor } from '../../core/random.ts';

/** Places of texts, and whether the two have the same label; lists have an entry for each pair. */
export interface TextPairs {
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** 1 for the same label, 0 for others. */
  readonly similar: Float32Array;
}

/** Texts that pairs are made of: all their pairs are listed once, in so many numbers. */
export const mostPairedTexts = 4096;

/** How many pairs there are of each kind, a text with itself among those of one label; a pair and its reverse count once. */
function pairCounts(labels: Int32Array): { similar: number; others: number } {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const pairsIn = (count: number) => (count * (count + 1)) / 2;
  const similar = [...counts.values()].reduce((sum, count) => sum + pairsIn(count), 0);
  return { similar, others: pairsIn(labels.length) - similar };
}

interface PairOptions {
  readonly sampling: 'oversampling' | 'undersampling' | 'unique';
  /** The most pairs in an epoch; absent: all. */
  readonly maxPairs?: number | undefined;
}

/** The numbers of similar and of other pairs in an epoch. */
function takenOf(labels: Int32Array, { sampling, maxPairs }: PairOptions): { similar: number; others: number } {
  const all = pairCounts(labels);
  const half = maxPairs === undefined ? Number.POSITIVE_INFINITY : Math.floor(maxPairs / 2);
  const [similar, others] = [Math.min(all.similar, half), Math.min(all.others, half)];
  if (sampling === 'unique') return { similar, others };
  const each = sampling === 'oversampling' ? Math.max(similar, others) : Math.min(similar, others);
  return { similar: each, others: each };
}

/** The number of pairs in an epoch. */
export function countPairs(labels: Int32Array, options: PairOptions): number {
  const { similar, others } = takenOf(labels, options);
  return similar + others;
}

/**
 * The pairs of an epoch, as a function of the seed: each kind in an order of its own, from its beginning again where there are not enough, and one of each
 * kind after the other. A text is paired with itself, too, as in SetFit: dropout makes two of it.
 */
export function makePairs(labels: Int32Array, options: PairOptions & { readonly seed: number }): TextPairs {
  const count = labels.length;
  const all = pairCounts(labels);
  const kinds = { similar: new Int32Array(all.similar), others: new Int32Array(all.others) };
  let [similar, others] = [0, 0];
  for (let first = 0; first < count; first++) {
    for (let second = first; second < count; second++) {
      const pair = first * count + second;
      if (labels[first] === labels[second]) kinds.similar[similar++] = pair;
      else kinds.others[others++] = pair;
    }
  }
  const half = options.maxPairs === undefined ? count * count : Math.floor(options.maxPairs / 2);
  const taken = takenOf(labels, options);
  const listOf = (kind: keyof typeof kinds): number[] => {
    const list = kinds[kind];
    const order = randomFor(options.seed, 'text-pairs', kind).permutation(list.length).slice(0, half);
    return Array.from({ length: taken[kind] }, (_, at) => list[order[at % order.length]!]!);
  };
  const [alike, unlike] = [listOf('similar'), listOf('others')];
  const pairs = Array.from({ length: Math.max(alike.length, unlike.length) }, (_, at) => [
    ...(at < alike.length ? [{ pair: alike[at]!, similar: 1 }] : []),
    ...(at < unlike.length ? [{ pair: unlike[at]!, similar: 0 }] : []),
  ]).flat();
  return {
    first: Int32Array.from(pairs, ({ pair }) => Math.floor(pair / count)),
    second: Int32Array.from(pairs, ({ pair }) => pair % count),
    similar: Float32Array.from(pairs, ({ similar: value }) => value),
  };
}
