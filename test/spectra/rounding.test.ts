import { describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { noiseMatrix, roundingDeviations } from '../../shared/spectra/rounding.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';

const brain = { bits: 8, smallestExponent: -126 };
const half = { bits: 11, smallestExponent: -14 };

const toBrain = (value: number) => {
  const word = new Uint32Array(Float32Array.of(value).buffer);
  word[0] = (word[0]! + 0x7fff + ((word[0]! >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(word.buffer)[0]!;
};

describe('the rounding of a stored difference', () => {
  it('deviates by a step over the root of 12, for each of both numbers', () => {
    const deviation = (value: number, precision = brain) =>
      roundingDeviations({ data: Float32Array.of(value), precision }, { data: Float32Array.of(0), precision })[0]!;
    expect(deviation(1.5)).toBeCloseTo(2 ** -7 / Math.sqrt(12), 15);
    expect(deviation(-8)).toBeCloseTo(2 ** -4 / Math.sqrt(12), 15);
    expect(deviation(2 ** -20, half)).toBeCloseTo(2 ** -24 / Math.sqrt(12), 20);
    expect(deviation(0)).toBe(0);
    const both = roundingDeviations(
      { data: Float64Array.of(1), precision: brain },
      { data: Float64Array.of(1), precision: half },
    );
    expect(both[0]! ** 2).toBeCloseTo((2 ** -14 + 2 ** -20) / 12, 12);
  });

  it.each([
    ['evenly sized', (random: { normal(): number }) => random.normal()],
    ['heavy-tailed', (random: { normal(): number }) => random.normal() / Math.abs(random.normal()) ** 0.7],
  ])('stays below the edge for %s weights, and not out of sight', (_, draw) => {
    for (let seed = 0; seed < 12; seed++) {
      const [rows, columns] = [60, 90];
      const random = randomFor(seed, 'rounding');
      const exact = Float64Array.from({ length: rows * columns }, () => draw(random));
      const stored = exact.map(toBrain);
      const noise = exact.map((value, at) => stored[at]! - value);
      const matrix = noiseMatrix(rows, columns);
      const zeros = { data: new Float64Array(stored.length), precision: brain };
      matrix.add(0, roundingDeviations({ data: stored, precision: brain }, zeros));
      const largest = portableSolver.squaredSingularValues(rows, columns, noise).at(-1)!;
      expect(largest).toBeLessThan(matrix.edge());
      expect(largest).toBeGreaterThan(matrix.edge() / 100);
    }
  });
});
