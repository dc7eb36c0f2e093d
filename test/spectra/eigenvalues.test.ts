import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { noiseFloor } from '../../shared/spectra/eigenvalues.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';

const size = fc.integer({ min: 1, max: 17 });

describe('the portable solver', () => {
  it('gives the squared entries of a diagonal matrix', () => {
    expect([
      ...portableSolver.squaredSingularValues(3, 4, Float32Array.of(0, 0, 3, 0, -2, 0, 0, 0, 0, 1, 0, 0)),
    ]).toEqual([1, 4, 9]);
  });

  it('knows the eigenvalues of the second-difference matrix', () => {
    const n = 40;
    const matrix = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      matrix[i * n + i] = 2;
      if (i > 0) matrix[i * n + i - 1] = matrix[(i - 1) * n + i] = -1;
    }
    const eigenvalues = portableSolver.squaredSingularValues(n, n, matrix);
    eigenvalues.forEach((value, k) => {
      expect(value).toBeCloseTo((2 - 2 * Math.cos(((k + 1) * Math.PI) / (n + 1))) ** 2, 12);
    });
  });

  it('keeps the sum of the eigenvalues equal to the sum of squares, for every shape and scale', () => {
    fc.assert(
      fc.property(size, size, fc.integer(), fc.integer({ min: -100, max: 100 }), (rows, columns, seed, exponent) => {
        const random = randomFor(seed, 'matrix');
        const data = Float64Array.from({ length: rows * columns }, () => random.normal() * 2 ** exponent);
        const eigenvalues = portableSolver.squaredSingularValues(rows, columns, data);
        expect(eigenvalues).toHaveLength(Math.min(rows, columns));
        expect(eigenvalues).toEqual(eigenvalues.toSorted());
        const squares = data.reduce((sum, value) => sum + value * value, 0);
        expect(eigenvalues.reduce((sum, value) => sum + value, 0) / squares).toBeCloseTo(1, 12);
      }),
      { seed: 1 },
    );
  });

  it('leaves the null space of a rank-deficient matrix at or below the noise floor', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 30 }), fc.integer(), (n, seed) => {
        const random = randomFor(seed, 'vectors');
        const [left, right] = [0, 1].map(() => Array.from({ length: n }, () => random.normal())) as [
          number[],
          number[],
        ];
        const outer = Float64Array.from({ length: n * n }, (_, i) => left[Math.floor(i / n)]! * right[i % n]!);
        const eigenvalues = portableSolver.squaredSingularValues(n, n, outer);
        const floor = noiseFloor(n, eigenvalues[n - 1]!);
        expect(eigenvalues.slice(0, -1).every((value) => value >= 0 && value <= floor)).toBe(true);
      }),
      { seed: 1 },
    );
  });

  it('gives zeros for a matrix of zeros and nothing for an empty one', () => {
    expect([...portableSolver.squaredSingularValues(2, 3, new Float32Array(6))]).toEqual([0, 0]);
    expect([...portableSolver.squaredSingularValues(0, 3, new Float32Array(0))]).toEqual([]);
  });
});
