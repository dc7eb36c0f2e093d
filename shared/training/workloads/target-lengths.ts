/** How long what an encoder-decoder writes is in batches, so that an engine sees few shapes. */
import type { BucketBatch } from '../../datasets/text/buckets.ts';

/** Lengths of targets in batches are multiples of this. */
const multipleOf = 8;

/** Tokens of texts, and of what is written of them; every list has an entry for each text. */
interface Written {
  readonly ids: readonly Int32Array[];
  readonly targets?: readonly Int32Array[];
}

type Lengths = ReadonlyMap<number, number>;

/**
 * How long targets are in batches of texts of each length: room for those of all texts that are not longer, since such may be among them.
 * @param lengths of texts in batches
 */
export function targetLengths({ ids, targets }: Written, lengths: readonly number[]): Lengths {
  if (!targets) return new Map();
  return new Map(
    lengths.map((length) => {
      const longest = targets.reduce(
        (most, target, row) => (ids[row]!.length > length ? most : Math.max(most, target.length)),
        1,
      );
      return [length, Math.ceil(longest / multipleOf) * multipleOf];
    }),
  );
}

/** A batch with the length of its targets, where there are some. */
export function ofTargets(batch: BucketBatch, lengths: Lengths): BucketBatch {
  const targetLength = lengths.get(batch.length);
  return targetLength === undefined ? batch : { ...batch, targetLength };
}
