import { expect, it } from 'vitest';
import { matchesName } from '../../shared/core/name-pattern.ts';

it('a pattern of names takes * for any characters and everything else literally but ?', () => {
  expect(matchesName('encoder.*.dense', 'encoder.layer.0.dense')).toBe(true);
  expect(matchesName('w?', 'w1')).toBe(true);
  expect(matchesName('w?', 'w10')).toBe(false);
  expect(matchesName('a.b', 'axb')).toBe(false);
  expect(matchesName('fc', 'fc1')).toBe(false);
});
