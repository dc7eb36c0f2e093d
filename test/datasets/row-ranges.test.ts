import { expect, it } from 'vitest';
import { rowRanges } from '../../shared/datasets/row-ranges.ts';

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
