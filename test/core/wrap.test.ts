import { expect, test } from 'vitest';
import { wrap } from '../../shared/core/wrap.ts';

test('lines are as long as they may be, and later ones indented', () => {
  expect(wrap('one two three four', 9)).toBe('one two\nthree\nfour');
  expect(wrap('one two three four', 9, '  ')).toBe('one two\n  three\n  four');
});

test('a word that is longer than a line has one for itself', () => {
  expect(wrap('a verylongword b', 6)).toBe('a\nverylongword\nb');
});
