import { expect, it } from 'vitest';
import { rowRanges, rowsIn } from '../../shared/datasets/row-ranges.ts';

it.each([
  [[], ''],
  [[4], '4'],
  [[0, 1, 2, 3], '0-3'],
  [[0, 2], '0, 2'],
  [[0, 3, 6, 9, 10, 11], '0-9 by 3, 10-11'],
  [[2, 5, 6, 7, 30], '2, 5-7, 30'],
])('rows %j are %s', (rows, words) => {
  expect(rowRanges(rows)).toBe(words);
});

it.each([['0-3'], ['0, 2'], ['0-9 by 3, 10-11'], ['2, 5-7, 30']])('%s names the rows that are told so', (words) => {
  expect(rowRanges(rowsIn(words, 31, '--rows'))).toBe(words);
});

it('rows that are named twice are taken once, in order', () => {
  expect(rowsIn('7, 3-4,4 - 5', 8, '--rows')).toEqual([3, 4, 5, 7]);
});

it.each([
  ['5, x', '--rows: "x" names no rows'],
  ['', '--rows: "" names no rows'],
  ['9-3', '--rows: "9-3" names no rows'],
  ['0-9 by 0', '--rows: "0-9 by 0" names no rows'],
  ['3-31', '--rows: names row 31, and there are 31 rows'],
])('%j is refused', (words, message) => {
  expect(() => rowsIn(words, 31, '--rows')).toThrow(message);
});
