import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { densityFloor, fittedTail, logDensity } from '../../shared/reports/density.ts';
import type { LayerSpectrum } from '../../shared/spectra/spectrum.ts';

const layer = (eigenvalues: readonly number[], fit: Partial<LayerSpectrum> = {}): LayerSpectrum => ({
  name: 'w0',
  kind: 'linear',
  shape: [4, 4],
  eigenvalues,
  alpha: null,
  xmin: null,
  tail: null,
  ksDistance: null,
  spectralNorm: eigenvalues.at(-1) ?? 0,
  frobeniusNormSquared: 0,
  stableRank: null,
  alphaHat: null,
  farmsAlpha: null,
  flags: [],
  ...fit,
});

describe('logDensity', () => {
  test('is unchanged in shape when all eigenvalues are scaled', () => {
    const eigenvalues = fc.array(fc.double({ min: 1e-3, max: 1e3, noNaN: true }), { minLength: 5, maxLength: 60 });
    fc.assert(
      fc.property(eigenvalues, (values) => {
        const points = logDensity(values, 0);
        const doubled = logDensity(
          values.map((value) => value * 2),
          0,
        );
        expect(doubled).toHaveLength(points.length);
        doubled.forEach(({ lambda, density }, index) => {
          expect(lambda / points[index]!.lambda).toBeCloseTo(2, 6);
          expect(density / points[index]!.density).toBeCloseTo(0.5, 6);
        });
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  test('leaves out zeros, yet counts them in the shares', () => {
    const positive = [1, 2, 4, 8, 16];
    const share = (values: readonly number[]) => logDensity(values, 0).reduce((sum, { density }) => sum + density, 0);
    expect(share([0, 0, 0, 0, 0, ...positive]) / share(positive)).toBeCloseTo(0.5, 10);
  });

  test('is empty where no width can be given to a bin', () => {
    expect(logDensity([], 0)).toEqual([]);
    expect(logDensity([0, 0], 0)).toEqual([]);
    expect(logDensity([3, 3, 3], 0)).toEqual([]);
  });
});

describe('fittedTail', () => {
  test('encloses the share of the tail under the line', () => {
    const alpha = 2.5;
    const [start, end] = fittedTail(layer([0.1, 0.2, 1, 1e6], { alpha, xmin: 1, tail: 2 }));
    expect(start!.lambda).toBe(1);
    expect(end!.lambda).toBe(1e6);
    const integral = (start!.density * start!.lambda - end!.density * end!.lambda) / (alpha - 1);
    expect(integral).toBeCloseTo(0.5, 6);
    expect(Math.log(end!.density / start!.density) / Math.log(1e6)).toBeCloseTo(-alpha, 10);
  });

  test('is empty without a fit or without a tail to draw it over', () => {
    expect(fittedTail(layer([1, 2]))).toEqual([]);
    expect(fittedTail(layer([1, 1], { alpha: 3, xmin: 1, tail: 1 }))).toEqual([]);
  });
});

test('densityFloor treats what is a millionth of a millionth of the largest as zero', () => {
  expect(densityFloor([layer([1e-20, 5])])).toBe(5e-12);
  expect(densityFloor([])).toBe(0);
});
