import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFft } from '../../shared/core/fft.ts';

const signals = fc
  .integer({ min: 1, max: 66 })
  .chain((length) =>
    fc.tuple(
      fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: length, maxLength: length }),
      fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: length, maxLength: length }),
    ),
  );

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.max(...Array.from(a, (value, index) => Math.abs(value - b[index]!)));
}

describe('createFft', () => {
  it('agrees with the defining sum at every length', () => {
    fc.assert(
      fc.property(signals, ([re, im]) => {
        const n = re.length;
        const sum = (k: number, part: (angle: number, j: number) => number) =>
          re.reduce((total, _, j) => total + part((2 * Math.PI * ((j * k) % n)) / n, j), 0);
        const expectedReal = re.map((_, k) => sum(k, (a, j) => re[j]! * Math.cos(a) + im[j]! * Math.sin(a)));
        const expectedImaginary = re.map((_, k) => sum(k, (a, j) => im[j]! * Math.cos(a) - re[j]! * Math.sin(a)));
        const [real, imaginary] = [Float64Array.from(re), Float64Array.from(im)];
        createFft(n).forward(real, imaginary);
        expect(largestDifference(real, expectedReal)).toBeLessThan(1e-10);
        expect(largestDifference(imaginary, expectedImaginary)).toBeLessThan(1e-10);
      }),
      { seed: 1 },
    );
  });

  it('is undone by its inverse', () => {
    fc.assert(
      fc.property(signals, ([re, im]) => {
        const [real, imaginary] = [Float64Array.from(re), Float64Array.from(im)];
        const fft = createFft(re.length);
        fft.forward(real, imaginary);
        fft.inverse(real, imaginary);
        expect(largestDifference(real, re)).toBeLessThan(1e-12);
        expect(largestDifference(imaginary, im)).toBeLessThan(1e-12);
      }),
      { seed: 1 },
    );
  });
});
