import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AxisRange } from '../../../shared/datasets/arrays/array-file.ts';
import { readLinear } from '../../../shared/datasets/arrays/linear.ts';
import { selected } from '../../support/arrays.ts';

/** An array of whole numbers in memory, and how many bytes of it are read at a time. */
function stored(shape: readonly number[], columnMajor = false) {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length: count }, (_, index) => index);
  const lengths: number[] = [];
  const read = async (start: number, end: number) => {
    lengths.push(end - start);
    return new Uint8Array(values.buffer).slice(start, end);
  };
  const array = { shape, type: 'float32', littleEndian: true, columnMajor, start: 0 } as const;
  return { lengths, of: (ranges: readonly AxisRange[]) => readLinear(read, array, ranges) };
}

const axis = fc.record({
  size: fc.integer({ min: 1, max: 6 }),
  start: fc.nat(5),
  stride: fc.integer({ min: 1, max: 3 }),
  count: fc.nat(6),
});
const selection = fc.array(axis, { maxLength: 4 }).map((axes) => ({
  shape: axes.map(({ size }) => size),
  ranges: axes.map(({ size, start, stride, count }) => {
    const first = Math.min(start, size - 1);
    return { start: first, stride, count: Math.min(count, Math.floor((size - 1 - first) / stride) + 1) };
  }),
}));
const numbered = (shape: readonly number[]) =>
  Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => index);

it('reads any selection of a row-major array', async () => {
  await fc.assert(
    fc.asyncProperty(selection, async ({ shape, ranges }) => {
      expect([...(await stored(shape).of(ranges))]).toEqual(selected(numbered(shape), shape, ranges));
    }),
  );
});

it('reads any selection of a column-major array as row-major', async () => {
  await fc.assert(
    fc.asyncProperty(selection, async ({ shape, ranges }) => {
      const reversed = selected(numbered(shape), shape.toReversed(), ranges.toReversed());
      const counts = ranges.map(({ count }) => count).toReversed();
      const places = selected(
        numbered(counts.toReversed()),
        counts.toReversed(),
        counts.toReversed().map((count) => ({ start: 0, count, stride: 1 })),
      );
      // The value at [i, j, ...] is the one at [..., j, i] of the reversed array.
      const expected = places.map((_, place) => {
        let rest = place;
        const index = ranges.map(() => 0);
        for (let at = ranges.length - 1; at >= 0; at--) {
          index[at] = rest % ranges[at]!.count;
          rest = Math.floor(rest / ranges[at]!.count);
        }
        return reversed[index.reduceRight((offset, value, at) => offset * ranges[at]!.count + value, 0)];
      });
      expect([...(await stored(shape, true).of(ranges))]).toEqual(expected);
    }),
  );
});

it('reads many whole rows at once, and no more than 4 MiB', async () => {
  const array = stored([3_000, 1_000]);
  const values = await array.of([
    { start: 0, count: 3_000, stride: 1 },
    { start: 0, count: 1_000, stride: 1 },
  ]);
  expect(values.findIndex((value, index) => value !== index)).toBe(-1);
  expect(array.lengths).toHaveLength(3);
  expect(Math.max(...array.lengths)).toBeLessThanOrEqual(4 * 2 ** 20);
});

it('splits rows that are longer', async () => {
  const array = stored([2, 1_500_000]);
  const values = await array.of([
    { start: 1, count: 1, stride: 1 },
    { start: 0, count: 750_000, stride: 2 },
  ]);
  expect(values.findIndex((value, index) => value !== 1_500_000 + 2 * index)).toBe(-1);
  expect(Math.max(...array.lengths)).toBeLessThanOrEqual(4 * 2 ** 20);
});

it('jumps gaps in place of reading them', async () => {
  const array = stored([4, 100_000]);
  const values = await array.of([
    { start: 0, count: 4, stride: 1 },
    { start: 10, count: 2, stride: 1 },
  ]);
  expect([...values]).toEqual([10, 11, 100_010, 100_011, 200_010, 200_011, 300_010, 300_011]);
  expect(array.lengths).toEqual([8, 8, 8, 8]);
});

it('refuses ranges that leave the array', async () => {
  await expect(stored([3]).of([{ start: 1, count: 3, stride: 1 }])).rejects.toThrow(RangeError);
  await expect(stored([3]).of([])).rejects.toThrow(RangeError);
});
