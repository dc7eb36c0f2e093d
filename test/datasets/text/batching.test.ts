import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocksOf } from '../../../shared/datasets/text/blocks.ts';
import { bucketBatches, bucketsFor, padBatch } from '../../../shared/datasets/text/buckets.ts';
import { maskTokens } from '../../../shared/datasets/text/masking.ts';

const paddedTokens = (lengths: readonly number[], buckets: readonly number[]) =>
  lengths.reduce((sum, length) => sum + buckets.find((bucket) => length <= bucket)!, 0);

describe('bucket lengths', () => {
  const options = { count: 3, multipleOf: 8, maxLength: 128 };

  it('are those that need least padding', () => {
    const lengths = [...Array(90).fill(7), ...Array(5).fill(20), ...Array(4).fill(60), 64];
    expect(bucketsFor(lengths, options)).toEqual([8, 24, 64]);
    expect(bucketsFor(lengths, { ...options, count: 2 })).toEqual([8, 64]);
    expect(bucketsFor(lengths, { ...options, count: 1 })).toEqual([64]);
  });

  it('are no more than the lengths that occur', () => {
    expect(bucketsFor([3, 5, 11], options)).toEqual([8, 16]);
    expect(bucketsFor([], options)).toEqual([]);
  });

  it('end at the longest length, which need not be a multiple', () => {
    expect(bucketsFor([99, 100], { ...options, maxLength: 100 })).toEqual([100]);
  });

  it('are as good as the best of all choices', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 4 }), (all, count) => {
        const buckets = bucketsFor(all, { count, multipleOf: 8, maxLength: 64 });
        expect(buckets.length).toBeLessThanOrEqual(count);
        expect(buckets).toEqual([...new Set(buckets)].toSorted((a, b) => a - b));
        const choices = Array.from({ length: 256 }, (_, bits) =>
          [8, 16, 24, 32, 40, 48, 56, 64].filter((_size, place) => (bits >> place) & 1),
        ).filter((choice) => choice.length <= count && (choice.at(-1) ?? 0) >= Math.max(...all));
        const best = Math.min(...choices.map((choice) => paddedTokens(all, choice)));
        expect(paddedTokens(all, buckets)).toBe(best);
      }),
    );
  });
});

describe('batches of buckets', () => {
  const lengths = Array.from({ length: 103 }, (_, row) => 1 + ((row * 37) % 60));
  const buckets = bucketsFor(lengths, { count: 4, multipleOf: 8, maxLength: 64 });
  const batches = (epoch: number, seed = 1) => bucketBatches(lengths, buckets, 8, { seed, epoch });

  it('have every row once, within its length', () => {
    for (const epoch of [1, 2]) {
      const all = batches(epoch);
      expect(all.flatMap(({ rows }) => rows).toSorted((a, b) => a - b)).toEqual(lengths.map((_, row) => row));
      for (const { rows, length } of all) for (const row of rows) expect(lengths[row]).toBeLessThanOrEqual(length);
    }
  });

  it('are full but for one of the largest bucket, in the same shapes every epoch', () => {
    const shapes = (epoch: number) =>
      batches(epoch)
        .map(({ rows, length }) => `${rows.length} x ${length}`)
        .toSorted();
    expect(shapes(1)).toHaveLength(13);
    expect(shapes(1).filter((shape) => !shape.startsWith('8 x'))).toEqual([`7 x ${buckets.at(-1)}`]);
    expect(shapes(2)).toEqual(shapes(1));
  });

  it('depend on seed and epoch alone', () => {
    expect(batches(1)).toEqual(batches(1));
    expect(batches(1)).not.toEqual(batches(2));
    expect(batches(1)).not.toEqual(batches(1, 2));
  });

  it('are in order without a shuffle', () => {
    expect(bucketBatches([3, 9, 2, 4, 1], [8, 16], 2)).toEqual([
      { rows: [0, 2], length: 8 },
      { rows: [3, 4], length: 8 },
      { rows: [1], length: 16 },
    ]);
  });
});

describe('a padded batch', () => {
  const encoded = {
    ids: [Int32Array.of(5, 6), Int32Array.of(7, 8, 9)],
    typeIds: [Int32Array.of(0, 1), Int32Array.of(0, 0, 1)],
  };

  it('is filled at the side of the tokenizer, and masked there', () => {
    const batch = { rows: [1, 0], length: 4 };
    expect(padBatch(encoded, batch, { padId: 1, paddingSide: 'right' })).toEqual({
      shape: [2, 4],
      ids: Int32Array.of(7, 8, 9, 1, 5, 6, 1, 1),
      mask: Int32Array.of(1, 1, 1, 0, 1, 1, 0, 0),
      typeIds: Int32Array.of(0, 0, 1, 0, 0, 1, 0, 0),
    });
    const left = padBatch({ ids: encoded.ids }, batch, { padId: 1, paddingSide: 'left' });
    expect(left.ids).toEqual(Int32Array.of(1, 7, 8, 9, 1, 1, 5, 6));
    expect(left.mask).toEqual(Int32Array.of(0, 1, 1, 1, 0, 0, 1, 1));
    expect(left.typeIds).toBeUndefined();
  });
});

describe('blocks of documents', () => {
  const documents = [Int32Array.of(1, 2, 3), Int32Array.of(4, 9), Int32Array.of(5)];

  it('run over the ends of documents, each ended once', () => {
    expect(blocksOf(documents, { endId: 9, length: 3 })).toEqual([
      Int32Array.of(1, 2, 3),
      Int32Array.of(9, 4, 9),
      Int32Array.of(5, 9),
    ]);
  });

  it('leave out a last token with nothing to predict', () => {
    expect(blocksOf(documents, { endId: 9, length: 7 })).toEqual([Int32Array.of(1, 2, 3, 9, 4, 9, 5)]);
  });

  it('need a token that ends a document, and something to predict', () => {
    expect(() => blocksOf(documents, { endId: undefined, length: 8 })).toThrow('Set `eos_token` in it.');
    expect(() => blocksOf([Int32Array.of(9)], { endId: 9, length: 8 })).toThrow('no token after the first');
  });
});

describe('masking', () => {
  const tokenizer = { special: { mask: 4 }, specialIds: new Set([0, 1, 2, 3, 4]), vocabularySize: 50 };
  const width = 64;
  /** Row r: [CLS], tokens, [SEP], padding. */
  const batchOf = (rows: readonly number[]) => {
    const ids = rows.map((row) =>
      Int32Array.from({ length: 40 + (row % 20) }, (_, column) =>
        column === 0 ? 2 : column === 39 + (row % 20) ? 3 : 5 + ((row * 31 + column * 7) % 45),
      ),
    );
    return padBatch(
      { ids },
      { rows: rows.map((_, place) => place), length: width },
      { padId: 0, paddingSide: 'right' },
    );
  };
  const rows = Array.from({ length: 400 }, (_, row) => row);
  const batch = batchOf(rows);
  const moment = { seed: 1, epoch: 2, step: 3 };

  it('chooses 15 %: 80 % hidden, 10 % replaced, 10 % kept; never special tokens or padding', () => {
    const { ids, targets, chosen } = maskTokens(batch, rows, tokenizer, moment);
    expect(targets).toEqual(batch.ids);
    const counts = { maskable: 0, chosen: 0, hidden: 0, kept: 0 };
    for (const [at, id] of ids.entries()) {
      const isMaskable = targets[at]! > 4;
      if (isMaskable) counts.maskable++;
      if (chosen[at]) {
        expect(isMaskable).toBe(true);
        counts.chosen++;
        if (id === 4) counts.hidden++;
        else if (id === targets[at]) counts.kept++;
        else expect(id).toBeGreaterThan(4);
      } else expect(id).toBe(targets[at]);
    }
    // About 2,800 chosen: within four standard deviations.
    expect(Math.abs(counts.chosen / counts.maskable - 0.15)).toBeLessThan(
      4 * Math.sqrt((0.15 * 0.85) / counts.maskable),
    );
    expect(Math.abs(counts.hidden / counts.chosen - 0.8)).toBeLessThan(4 * Math.sqrt(0.16 / counts.chosen));
    // A tenth stays, and one in 45 replacements is the same by chance.
    expect(Math.abs(counts.kept / counts.chosen - (0.1 + 0.1 / 45))).toBeLessThan(4 * Math.sqrt(0.09 / counts.chosen));
  });

  it('depends on seed, epoch, step and row, not on the place in the batch', () => {
    const all = maskTokens(batch, rows, tokenizer, moment);
    const part = maskTokens(batchOf([17, 3]), [17, 3], tokenizer, moment);
    const rowOf = ({ ids }: { ids: Int32Array }, place: number) => ids.slice(place * width, (place + 1) * width);
    expect(rowOf(part, 0)).toEqual(rowOf(all, 17));
    expect(rowOf(part, 1)).toEqual(rowOf(all, 3));
    for (const other of [{ seed: 2 }, { epoch: 3 }, { step: 4 }]) {
      expect(maskTokens(batch, rows, tokenizer, { ...moment, ...other }).ids).not.toEqual(all.ids);
    }
  });

  it('chooses one token of a short text, and none where there is none', () => {
    const short = padBatch(
      { ids: [Int32Array.of(2, 7, 3), Int32Array.of(2, 3)] },
      { rows: [0, 1], length: 4 },
      { padId: 0, paddingSide: 'right' },
    );
    const { chosen } = maskTokens(short, [0, 1], tokenizer, moment);
    expect(chosen).toEqual(Int32Array.of(0, 1, 0, 0, 0, 0, 0, 0));
  });

  it('needs a mask token', () => {
    expect(() => maskTokens(batch, rows, { ...tokenizer, special: {} }, moment)).toThrow('Set `mask_token` in it');
  });
});
