/** Blocks of an array whose numbers lie one after the other in a file: .npy, MATLAB v5. */
import { elementCount } from '../../tensors/tensor.ts';
import type { AxisRange, StoredArray } from './array-file.ts';
import { checkRanges, copySpread, rowMajorOf, rowMajorStrides, selectedCount } from './blocks.ts';
import type { ReadBytes } from './file-bytes.ts';
import { bytesPerNumber, decodeNumbers, type NumberType } from './number-types.ts';

/** The layout of an array whose numbers lie one after the other. */
export interface LinearArray {
  readonly shape: readonly number[];
  readonly type: NumberType;
  readonly littleEndian: boolean;
  /** Whether the first axis runs fastest (Fortran's order) and not the last (C's). */
  readonly columnMajor: boolean;
  /** The offset of the first number, in bytes. */
  readonly start: number;
}

/** Most bytes that are read at a time. */
const bytesAtOnce = 4 * 2 ** 20;
/** Gaps of this many bytes are jumped; what is between smaller ones is read and dropped. */
const jumpedGap = 64 * 2 ** 10;

/** Bytes that the values of an array take up. */
export const linearBytes = ({ shape, type }: Pick<LinearArray, 'shape' | 'type'>): number =>
  elementCount(shape) * bytesPerNumber[type];

/**
 * An array that is read where its numbers lie.
 * @param read reads bytes of the file, or of the part of it that `start` counts from.
 * @param storedBytes bytes that it takes up in the file; absent: those of its values.
 */
export const linearArray = (
  name: string,
  array: LinearArray,
  read: ReadBytes,
  storedBytes: number = linearBytes(array),
): StoredArray => ({
  name,
  shape: array.shape,
  type: array.type,
  storedBytes,
  columnMajor: array.columnMajor,
  read: (ranges) => readLinear(read, array, ranges),
});

/** Reads the selected block as float32, row-major in the axes' order of `shape`. */
export async function readLinear(
  read: ReadBytes,
  array: LinearArray,
  ranges: readonly AxisRange[],
): Promise<Float32Array> {
  checkRanges(array.shape, ranges);
  if (!array.columnMajor) return readRowMajor(read, array, array.shape, ranges);
  const reversed = await readRowMajor(read, array, array.shape.toReversed(), ranges.toReversed());
  return rowMajorOf(
    reversed,
    ranges.map(({ count }) => count),
  );
}

async function readRowMajor(
  read: ReadBytes,
  array: LinearArray,
  shape: readonly number[],
  ranges: readonly AxisRange[],
): Promise<Float32Array> {
  const result = new Float32Array(selectedCount(ranges));
  if (result.length === 0) return result;
  const size = bytesPerNumber[array.type];
  const strides = rowMajorStrides(shape);
  const steps = strides.map((step, axis) => step * ranges[axis]!.stride);
  const counts = ranges.map(({ count }) => count);
  const resultSteps = rowMajorStrides(counts);
  /** Elements from the first to the last that is selected, of the axes from `axis` on. */
  const spans = [1];
  for (let axis = ranges.length - 1; axis >= 0; axis--) spans.unshift(spans[0]! + (counts[axis]! - 1) * steps[axis]!);

  /** Reads the selection of the axes from `axis` on, of which `count` along `axis` itself. */
  const readPiece = async (axis: number, count: number, first: number, at: number) => {
    const span = axis < ranges.length ? (count - 1) * steps[axis]! + spans[axis + 1]! : 1;
    const from = array.start + first * size;
    const bytes = await read(from, from + span * size);
    const inner = axis < ranges.length ? count * resultSteps[axis]! : 1;
    if (inner === span) return decodeNumbers(bytes, array, result, at);
    const values = new Float32Array(span);
    decodeNumbers(bytes, array, values);
    copySpread(
      [count, ...counts.slice(axis + 1)],
      { values, at: 0, steps: steps.slice(axis) },
      { values: result, at, steps: resultSteps.slice(axis) },
    );
  };

  const visit = async (axis: number, first: number, at: number): Promise<void> => {
    if (axis === ranges.length) return readPiece(axis, 1, first, at);
    const step = steps[axis]!;
    const whole = spans[axis + 1]! * size <= bytesAtOnce && !innerJumps(axis + 1);
    const together = whole && (step - spans[axis + 1]!) * size <= jumpedGap;
    const atOnce = together ? Math.max(1, Math.floor(bytesAtOnce / (step * size))) : 1;
    for (let index = 0; index < counts[axis]!; index += atOnce) {
      const [from, target] = [first + index * step, at + index * resultSteps[axis]!];
      if (whole) await readPiece(axis, Math.min(atOnce, counts[axis]! - index), from, target);
      else await visit(axis + 1, from, target);
    }
  };
  /** Whether there is a gap worth jumping between the elements of the axes from `axis` on. */
  const innerJumps = (axis: number): boolean =>
    counts.some((count, at) => at >= axis && count > 1 && (steps[at]! - spans[at + 1]!) * size > jumpedGap);

  const first = ranges.reduce((sum, { start }, axis) => sum + start * strides[axis]!, 0);
  await visit(0, first, 0);
  return result;
}
