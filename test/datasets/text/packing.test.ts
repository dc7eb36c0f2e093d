import { describe, expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import { piecesOf } from '../../../shared/datasets/text/blocks.ts';
import { joinRows, lengthsIn, packRows, placesInRows } from '../../../shared/datasets/text/packing.ts';

describe('rows that texts share', () => {
  it('take the longest texts first, each in the first row with room', () => {
    expect(packRows([3, 7, 2, 5, 4, 1], 8)).toEqual([
      [1, 5],
      [3, 0],
      [4, 2],
    ]);
    expect(packRows([4, 4, 4], 4)).toEqual([[0], [1], [2]]);
    expect(packRows([], 4)).toEqual([]);
  });

  it('hold every text once and no more than they have room for, however many there are', () => {
    const random = randomFor(1, 'lengths');
    const lengths = Array.from({ length: 3000 }, () => 1 + random.integer(64));
    const order = random.permutation(lengths.length);
    const [rows, others] = [packRows(lengths, 64), packRows(lengths, 64, order)];
    for (const each of [rows, others]) {
      expect(each.flat().toSorted((a, b) => a - b)).toEqual(lengths.map((_, text) => text));
      expect(Math.max(...each.map((row) => row.reduce((sum, text) => sum + lengths[text]!, 0)))).toBeLessThanOrEqual(
        64,
      );
    }
    const least = lengths.reduce((sum, length) => sum + length, 0) / 64;
    expect(rows.length).toBeLessThan(1.02 * least + 1);
    // The order tells which of equally long texts share a row, and nothing else.
    const lengthsOf = (each: typeof rows) => each.map((row) => row.map((text) => lengths[text]));
    expect(lengthsOf(others)).toEqual(lengthsOf(rows));
    expect(others).not.toEqual(rows);
  });

  it('say of each token which text it is of, and where it stands in it', () => {
    const ids = [[11, 12, 13], [21], [31, 32]].map((text) => Int32Array.from(text));
    const learnt = [[0, 1, 1], [1], [0, 1]].map((text) => Uint8Array.from(text));
    const joined = joinRows({ ids, learnt }, [[0, 2], [1]]);
    expect(joined).toEqual({
      ids: [Int32Array.of(11, 12, 13, 31, 32), Int32Array.of(21)],
      learnt: [Uint8Array.of(0, 1, 1, 0, 1), Uint8Array.of(1)],
      starts: [[0, 3], [0]],
    });
    expect(lengthsIn(joined)).toEqual([3, 2, 1]);
    expect(placesInRows(joined, [1, 0], 6)).toEqual({
      segments: Int32Array.of(1, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 0),
      positions: Int32Array.of(0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 1, 0),
    });
  });
});

describe('documents by themselves', () => {
  const documents = [[1, 2, 3, 4, 5], [9], [6, 9], []].map((each) => Int32Array.from(each));

  it('are ended, and divided where they are longer than a row; what has nothing to predict is left out', () => {
    const found = piecesOf(documents, { endId: 9, length: 4 });
    expect(found).toEqual({
      ids: [
        [1, 2, 3, 4],
        [5, 9],
        [6, 9],
      ].map((each) => Int32Array.from(each)),
      divided: 1,
      empty: 2,
    });
    // The end alone would be the second piece.
    expect(piecesOf(documents, { endId: 9, length: 5 }).ids[0]).toEqual(Int32Array.of(1, 2, 3, 4, 5));
    expect(piecesOf(documents, { endId: 9, length: 5 }).ids).toHaveLength(2);
  });

  it('need a token that ends them, and something to predict', () => {
    expect(() => piecesOf(documents, { endId: undefined, length: 4 })).toThrow('no token that ends a text');
    expect(() => piecesOf(documents.slice(1, 2), { endId: 9, length: 4 })).toThrow('no token after the first');
  });
});
