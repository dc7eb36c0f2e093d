import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { narrowed, widened } from '../../shared/tensors/elements.ts';

const types = ['float16', 'bfloat16'] as const;

describe.each(types)('%s', (dtype) => {
  const all = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);
  const values = widened({ shape: [all.length], dtype, data: all }).data;
  const bitsOf = (value: number) => narrowed({ shape: [1], data: Float32Array.of(value) }, dtype).data[0]!;
  const numberOf = (bits: number) => values[bits]!;

  it('has every value back after it was widened', () => {
    const back = narrowed({ shape: [all.length], data: values }, dtype).data;
    const differing = [...all].filter((bits) => back[bits] !== bits && !Number.isNaN(numberOf(bits)));
    expect(differing).toEqual([]);
    for (const bits of all) if (Number.isNaN(numberOf(bits))) expect(numberOf(back[bits]!)).toBeNaN();
  });

  it('is the nearest to a float32, and of two that are as near the one with even bits', () => {
    const largest = dtype === 'float16' ? 65504 : 3.3e38;
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -Math.fround(largest), max: Math.fround(largest) }), (value) => {
        const bits = bitsOf(value);
        const magnitude = bits & 0x7fff;
        for (const neighbour of [magnitude - 1, magnitude + 1].filter((each) => each >= 0)) {
          const [own, other] = [magnitude, neighbour].map((each) => Math.abs(numberOf(each) - Math.abs(value)));
          expect(own).toBeLessThanOrEqual(other!);
          if (own === other) expect(magnitude % 2).toBe(0);
        }
        expect(bits >>> 15).toBe(value < 0 || Object.is(value, -0) ? 1 : 0);
      }),
    );
  });

  it('rounds halfway cases to even bits, and what is too large to infinity', () => {
    const one = bitsOf(1);
    const half = (numberOf(one + 1) - 1) / 2;
    expect([1 + half, 1 + 3 * half].map(bitsOf)).toEqual([one, one + 2]);
    expect(numberOf(bitsOf(3.4028234e38))).toBe(Number.POSITIVE_INFINITY);
    expect(numberOf(bitsOf(Number.NEGATIVE_INFINITY))).toBe(Number.NEGATIVE_INFINITY);
  });
});
