import { readdirSync, readlinkSync } from 'node:fs';
import { expect } from 'vitest';
import { UserError } from '../../shared/core/errors.ts';
import type { ArrayFile, AxisRange, StoredArray } from '../../shared/datasets/arrays/array-file.ts';
import { withArrayFile } from '../../shared/datasets/arrays/open-arrays.ts';

export const fixtureShape = [3, 4, 5];

/** What the array of this type in the fixtures holds. */
export function fixtureValues(type: string): number[] {
  return Array.from({ length: 60 }, (_, index) => {
    if (type === 'bool') return index % 3 === 0 ? 1 : 0;
    if (type.startsWith('uint')) return index;
    return type.startsWith('int') ? index - 30 : (index - 30) / 4;
  });
}

const whole = (shape: readonly number[]): AxisRange[] => shape.map((count) => ({ start: 0, count, stride: 1 }));

export const readWhole = async (array: StoredArray): Promise<number[]> => [...(await array.read(whole(array.shape)))];

/** The elements of row-major values that ranges select. */
export function selected(values: readonly number[], shape: readonly number[], ranges: readonly AxisRange[]): number[] {
  let offsets = [0];
  for (const [axis, { start, count, stride }] of ranges.entries()) {
    const indices = Array.from({ length: count }, (_, index) => start + index * stride);
    offsets = offsets.flatMap((offset) => indices.map((index) => offset * shape[axis]! + index));
  }
  return offsets.map((offset) => values[offset]!);
}

/** A selection of every kind: with a stride, from the middle, of one index. */
export const someRanges: AxisRange[] = [
  { start: 0, count: 2, stride: 2 },
  { start: 1, count: 2, stride: 1 },
  { start: 1, count: 2, stride: 3 },
];

/** The message of the `UserError` that this ends in. */
export async function refusalOf(use: Promise<unknown>): Promise<string> {
  const error: unknown = await use.then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

/** The refusal of one array of a file. */
export const refusalOfArray = (path: string, name: string): Promise<string> =>
  refusalOf(withArrayFile(path, (file: ArrayFile) => readWhole(file.array(name))));

/** Open descriptors of files below a folder. */
export function openBelow(folder: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${descriptor}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      return [];
    }
  });
}
