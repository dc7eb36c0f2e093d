/** Rows of unlike lengths in batches of few shapes, since an engine may compile each shape. */
import { randomFor } from '../../core/random.ts';
import type { EncodedTexts } from './tokenizer.ts';

/**
 * At most `count` lengths, ascending, that rows can be padded to with the least padding in total: by dynamic programming over the
 * multiples of `multipleOf` that occur.
 * @param options.maxLength a longest length that need not be a multiple; every row fits in it.
 */
export function bucketsFor(
  lengths: readonly number[],
  options: { readonly count: number; readonly multipleOf: number; readonly maxLength: number },
): number[] {
  const { count, multipleOf, maxLength } = options;
  const rowsOf = new Map<number, number>();
  for (const length of lengths) {
    const rounded = Math.min(maxLength, Math.max(1, Math.ceil(length / multipleOf)) * multipleOf);
    rowsOf.set(rounded, (rowsOf.get(rounded) ?? 0) + 1);
  }
  const sizes = [...rowsOf.keys()].toSorted((a, b) => a - b);
  const upTo = [0];
  for (const size of sizes) upTo.push(upTo.at(-1)! + rowsOf.get(size)!);

  // best[j]: tokens of the rows of the first j sizes, padding included, in as many buckets as the round; chosen: the bucket before.
  let best = upTo.map((rows) => (rows === 0 ? 0 : Number.POSITIVE_INFINITY));
  const chosen: number[][] = [];
  for (let round = 0; round < Math.min(count, sizes.length); round++) {
    const before: number[] = [0];
    const next: number[] = [0];
    for (let end = 1; end <= sizes.length; end++) {
      next[end] = Number.POSITIVE_INFINITY;
      for (let start = 0; start < end; start++) {
        const tokens = best[start]! + (upTo[end]! - upTo[start]!) * sizes[end - 1]!;
        if (tokens < next[end]!) [next[end], before[end]] = [tokens, start];
      }
    }
    best = next;
    chosen.push(before);
  }
  const buckets: number[] = [];
  let end = sizes.length;
  for (const before of chosen.toReversed()) {
    if (end === 0) break;
    buckets.unshift(sizes[end - 1]!);
    end = before[end]!;
  }
  return buckets;
}

/** Rows that are padded to one length. */
export interface BucketBatch {
  readonly rows: readonly number[];
  /** Tokens of each row, padding included. */
  readonly length: number;
  /** Tokens of each row's target, padding included, where an encoder-decoder writes them. */
  readonly targetLength?: number;
}

/**
 * All rows in batches of one bucket each. What is left over of a bucket goes to the next larger one, so that all batches are
 * full but one of the largest, and an epoch has the shapes that any other has.
 * @param lengths of the rows; none is longer than the last bucket.
 * @param shuffle absent: rows and batches are in order.
 */
export function bucketBatches(
  lengths: readonly number[],
  buckets: readonly number[],
  batchSize: number,
  shuffle?: { readonly seed: number; readonly epoch: number },
): BucketBatch[] {
  const order = shuffle
    ? randomFor(shuffle.seed, 'shuffle', shuffle.epoch).permutation(lengths.length)
    : lengths.map((_, row) => row);
  const members: number[][] = buckets.map(() => []);
  for (const row of order) members[buckets.findIndex((bucket) => lengths[row]! <= bucket)]!.push(row);

  const batches: BucketBatch[] = [];
  let left: number[] = [];
  for (const [place, length] of buckets.entries()) {
    const rows = [...left, ...members[place]!];
    const isLast = place === buckets.length - 1;
    const full = isLast ? rows.length : rows.length - (rows.length % batchSize);
    for (let start = 0; start < full; start += batchSize) {
      batches.push({ rows: rows.slice(start, Math.min(start + batchSize, full)), length });
    }
    left = rows.slice(full);
  }
  if (!shuffle) return batches;
  return randomFor(shuffle.seed, 'shuffle-batches', shuffle.epoch)
    .permutation(batches.length)
    .map((index) => batches[index]!);
}

/** Tokens of a batch, row-major `[rows, length]`. */
export interface TokenBatch {
  readonly shape: readonly [number, number];
  readonly ids: Int32Array;
  /** 1 for tokens, 0 for padding. */
  readonly mask: Int32Array;
  /** Absent: all are 0. */
  readonly typeIds?: Int32Array;
}

/** The rows of a batch, padded. */
export function padBatch(
  encoded: Pick<EncodedTexts, 'ids' | 'typeIds'>,
  { rows, length }: BucketBatch,
  padding: { readonly padId: number; readonly paddingSide: 'left' | 'right' },
): TokenBatch {
  const size = rows.length * length;
  const ids = new Int32Array(size).fill(padding.padId);
  const mask = new Int32Array(size);
  const typeIds = encoded.typeIds && new Int32Array(size);
  for (const [place, row] of rows.entries()) {
    const tokens = encoded.ids[row]!;
    const start = place * length + (padding.paddingSide === 'left' ? length - tokens.length : 0);
    ids.set(tokens, start);
    mask.fill(1, start, start + tokens.length);
    typeIds?.set(encoded.typeIds![row]!, start);
  }
  return { shape: [rows.length, length], ids, mask, ...(typeIds && { typeIds }) };
}
