import { expect, it } from 'vitest';
import { allFinite } from '../../shared/tensors/tensor.ts';

it.each([Float32Array, Float64Array])('finds the one value of a %o that is not finite', (Numbers) => {
  const finite = [-0, 1e-45, -1e38, 3e38, 0, 7, -2];
  expect(allFinite(Numbers.from(finite))).toBe(true);
  expect(allFinite(new Numbers(0))).toBe(true);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    for (const place of finite.keys()) expect(allFinite(Numbers.from(finite.with(place, value)))).toBe(false);
    expect(allFinite(Numbers.of(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY))).toBe(false);
  }
});

it('takes the largest numbers for finite', () => {
  expect(allFinite(new Float64Array(9).fill(Number.MAX_VALUE))).toBe(true);
});
