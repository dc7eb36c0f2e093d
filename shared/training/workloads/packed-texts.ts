/** Rows that several texts share (`dataset.packing`), for a causal language model. */
import { randomFor } from '../../core/random.ts';
import { type BucketBatch, bucketsFor } from '../../datasets/text/buckets.ts';
import { type JoinedTexts, joinRows, lengthsIn, packRows, placesInRows } from '../../datasets/text/packing.ts';
import type { HostTensor } from '../../tensors/tensor.ts';

/** Rows of tokens, as far as it matters here which texts are in them. */
interface TextsInRows extends Omit<JoinedTexts, 'starts'> {
  /** Absent: a row is a text. */
  readonly starts?: JoinedTexts['starts'];
}

/**
 * Texts put together in rows of at most `maxTokens` tokens, the same in every epoch: an epoch has as many steps as any other then.
 * @param seed orders texts of the same length, so that neighbours in a file don't always share a row; absent: they stay in order
 */
export function packTexts(texts: TextsInRows, maxTokens: number, seed: number | undefined): JoinedTexts {
  const lengths = texts.ids.map(({ length }) => length);
  const order = seed === undefined ? undefined : randomFor(seed, 'pack').permutation(lengths.length);
  return joinRows(texts, packRows(lengths, maxTokens, order));
}

/** The number of texts in all rows. */
export const textCount = ({ ids, starts }: TextsInRows): number =>
  starts ? starts.reduce((sum, inRow) => sum + inRow.length, 0) : ids.length;

/** Where the first tokens of a row's texts stand, which are not predicted. */
export const firstTokens = ({ starts }: TextsInRows, row: number): readonly number[] => starts?.[row] ?? [0];

/** What a model is told of the texts in the rows of a batch; nothing where each row is one. */
export function packedInputs(
  { ids, starts }: TextsInRows,
  { rows, length }: BucketBatch,
): [name: string, tensor: HostTensor<Int32Array>][] {
  if (!starts) return [];
  const shape = [rows.length, length];
  const { segments, positions } = placesInRows({ ids, starts }, rows, length);
  return [
    ['segments', { shape, data: segments }],
    ['positions', { shape, data: positions }],
  ];
}

/** The record of texts that share rows, for run.json. */
export interface PackingRecord {
  readonly texts: number;
  readonly rows: number;
  /** The share of the rows' tokens that is padding. */
  readonly padding: number;
  /** The share of padding, if each text had a row of its own. */
  readonly paddingApart: number;
}

/** @returns undefined where texts don't share rows */
export function packingOf(
  { ids, starts }: TextsInRows,
  buckets: Parameters<typeof bucketsFor>[1],
): PackingRecord | undefined {
  if (!starts) return undefined;
  const texts = lengthsIn({ ids, starts });
  return {
    texts: texts.length,
    rows: ids.length,
    padding: paddingOf(
      ids.map(({ length }) => length),
      buckets,
    ),
    paddingApart: paddingOf(texts, buckets),
  };
}

/** The share of padding where rows are padded to a few lengths. */
function paddingOf(lengths: readonly number[], buckets: Parameters<typeof bucketsFor>[1]): number {
  const sizes = bucketsFor(lengths, buckets);
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const padded = lengths.reduce((sum, length) => sum + sizes.find((size) => length <= size)!, 0);
  return Number((1 - tokens / padded).toFixed(4));
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** The record in words. */
export const packingNote = ({ texts, rows, padding, paddingApart }: PackingRecord): string =>
  `dataset.packing: ${texts} texts share ${rows} rows, of which ${percent(padding)} is padding (in rows of their own: ${percent(paddingApart)})`;
