/** Blocks of arrays: which elements a selection names, and in which order they come out. */
import { elementCount } from '../../tensors/tensor.ts';
import type { AxisRange } from './array-file.ts';

/** Number of elements that a selection names. */
export const selectedCount = (ranges: readonly AxisRange[]): number => elementCount(ranges.map(({ count }) => count));

/** Elements from one to the next along each axis, row-major. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis]!;
  }
  return strides;
}

/** @throws RangeError when a selection has other axes than the array, or leaves it. */
export function checkRanges(shape: readonly number[], ranges: readonly AxisRange[]): void {
  if (ranges.length !== shape.length) throw new RangeError(`${ranges.length} ranges for ${shape.length} axes`);
  for (const [axis, { start, count, stride }] of ranges.entries()) {
    const whole = [start, count, stride].every(Number.isSafeInteger) && start >= 0 && count >= 0 && stride >= 1;
    if (!whole || (count > 0 && start + (count - 1) * stride >= shape[axis]!)) {
      throw new RangeError(`axis ${axis} of ${shape[axis]}: no range is ${start}, ${count}, ${stride}`);
    }
  }
}

/** Parts of a selection of at most `most` elements each, one after the other in row-major order; `at` is where each begins. */
export function* partsOf(
  ranges: readonly AxisRange[],
  most: number,
  axis = 0,
  at = 0,
): Generator<{ at: number; ranges: AxisRange[] }> {
  const rowSize = selectedCount(ranges.slice(axis + 1));
  const range = ranges[axis];
  if (range === undefined || range.count * rowSize <= most) {
    yield { at, ranges: [...ranges] };
    return;
  }
  const rowsAtOnce = Math.max(1, Math.floor(most / rowSize));
  for (let row = 0; row < range.count; row += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, range.count - row);
    const part = [...ranges];
    part[axis] = { start: range.start + row * range.stride, count, stride: range.stride };
    yield* partsOf(part, most, count === 1 ? axis + 1 : axis, at + row * rowSize);
  }
}

/** Values whose first axis runs fastest (column-major), of this shape, as row-major. */
export function rowMajorOf(values: Float32Array, shape: readonly number[]): Float32Array {
  if (shape.filter((size) => size > 1).length < 2) return values;
  const strides = rowMajorStrides([...shape].reverse()).reverse();
  const result = new Float32Array(values.length);
  let at = 0;
  const last = shape.length - 1;
  const visit = (axis: number, from: number): void => {
    const step = strides[axis]!;
    const end = from + shape[axis]! * step;
    if (axis === last) for (let source = from; source < end; source += step) result[at++] = values[source]!;
    else for (let source = from; source < end; source += step) visit(axis + 1, source);
  };
  visit(0, 0);
  return result;
}

/** Copies selected elements of `from` to `into`, each with its own spread. */
export function copySpread(
  counts: readonly number[],
  from: { values: ArrayLike<number>; at: number; steps: readonly number[] },
  into: { values: Float32Array; at: number; steps: readonly number[] },
): void {
  const last = counts.length - 1;
  const visit = (axis: number, source: number, target: number): void => {
    const count = counts[axis] ?? 1;
    const sourceStep = from.steps[axis] ?? 1;
    const targetStep = into.steps[axis] ?? 1;
    if (axis >= last) {
      for (let i = 0; i < count; i++) into.values[target + i * targetStep] = from.values[source + i * sourceStep]!;
    } else for (let i = 0; i < count; i++) visit(axis + 1, source + i * sourceStep, target + i * targetStep);
  };
  visit(0, from.at, into.at);
}
