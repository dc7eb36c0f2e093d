/** The values that are tried of the setting that is tuned. */
import type { Tried } from './design.ts';

/** An end of a grid of numbers. */
export type End = 'low' | 'high';

/** Values of which it can be said that one lies beyond another: at least two numbers. */
export function isNumeric(grid: readonly Tried[]): grid is readonly number[] {
  return grid.length > 1 && grid.every((value) => typeof value === 'number');
}

/** The grid as it is tried: every value once, numbers ascending, anything else as it stands. */
export function sortGrid(values: readonly Tried[]): readonly Tried[] {
  const distinct: readonly Tried[] = [...new Set(values)];
  return isNumeric(distinct) ? distinct.toSorted((a, b) => a - b) : distinct;
}

/**
 * Whether better values than this end may lie beyond it. None does below 0: a grid that begins there begins at "not at all" (no weight decay, no
 * dropout).
 */
export function isOpenAt(grid: readonly number[], end: End): boolean {
  return end === 'high' || grid[0] !== 0;
}

/**
 * The grid with one more value at an end, as far from the last as that is from its neighbour, as a ratio. Whole numbers stay whole, others have three
 * significant digits. Null where a ratio says nothing (a value of 0 or below) or leads to no new value.
 */
export function extendGrid(grid: readonly number[], end: End): readonly number[] | null {
  const [last, neighbour] = (end === 'low' ? [grid[0], grid[1]] : [grid.at(-1), grid.at(-2)]) as [number, number];
  if (Math.min(last, neighbour) <= 0) return null;
  const next = (last * last) / neighbour;
  const rounded = grid.every(Number.isInteger) ? Math.round(next) : Number(next.toPrecision(3));
  const isBeyond = end === 'low' ? rounded > 0 && rounded < last : rounded > last && Number.isFinite(rounded);
  if (!isBeyond) return null;
  return end === 'low' ? [rounded, ...grid] : [...grid, rounded];
}
