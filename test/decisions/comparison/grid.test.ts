import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extendGrid, isNumeric, isOpenAt, sortGrid } from '../../../shared/decisions/comparison/grid.ts';

describe('a grid', () => {
  it('of numbers is tried in ascending order, every value once', () => {
    expect(sortGrid([0.01, 0.001, 0.01, 0.1])).toEqual([0.001, 0.01, 0.1]);
  });
  it('of anything else is tried as it stands', () => {
    expect(sortGrid(['cosine', 'constant', 'cosine'])).toEqual(['cosine', 'constant']);
    expect(sortGrid([true, false])).toEqual([true, false]);
    expect(sortGrid([2, 'auto', 1])).toEqual([2, 'auto', 1]);
  });
  it('has ends only where it has two numbers', () => {
    expect(isNumeric([1, 2])).toBe(true);
    expect(isNumeric([1])).toBe(false);
    expect(isNumeric([1, 'auto'])).toBe(false);
  });
  it('that begins with 0 has nothing better below', () => {
    expect(isOpenAt([0, 0.1], 'low')).toBe(false);
    expect(isOpenAt([0, 0.1], 'high')).toBe(true);
    expect(isOpenAt([-1, 1], 'low')).toBe(true);
  });
});

describe('an extension', () => {
  it('goes on by the ratio of the last two, to three digits', () => {
    expect(extendGrid([1e-4, 3e-4, 1e-3], 'high')).toEqual([1e-4, 3e-4, 1e-3, 3.33e-3]);
    expect(extendGrid([1e-4, 3e-4, 1e-3], 'low')).toEqual([3.33e-5, 1e-4, 3e-4, 1e-3]);
  });
  it('of whole numbers is a whole number with all its digits', () => {
    expect(extendGrid([1024, 2048], 'high')).toEqual([1024, 2048, 4096]);
    expect(extendGrid([8, 16], 'low')).toEqual([4, 8, 16]);
  });
  it('is none where it would lead to no new value', () => {
    expect(extendGrid([1, 2], 'low')).toBeNull();
    expect(extendGrid([1, 4], 'low')).toBeNull();
    expect(extendGrid([0.1, 0.10001], 'high')).toBeNull();
    expect(extendGrid([1e-200, 1e200], 'high')).toBeNull();
  });
  it('is none by values of 0 and below', () => {
    expect(extendGrid([0, 0.1], 'high')).toBeNull();
    expect(extendGrid([0, 0.01, 0.1], 'high')).toEqual([0, 0.01, 0.1, 1]);
    expect(extendGrid([-1, 1], 'low')).toBeNull();
  });
  it('keeps the grid ascending, whatever its numbers', () => {
    const grids = fc.uniqueArray(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(grids, fc.constantFrom('low' as const, 'high' as const), (values, end) => {
        const grid = sortGrid(values) as number[];
        const longer = extendGrid(grid, end);
        if (longer) expect(longer).toEqual(longer.toSorted((a, b) => a - b));
        if (longer) expect(new Set(longer).size).toBe(grid.length + 1);
      }),
    );
  });
});
