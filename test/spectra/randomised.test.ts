import { describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import {
  compareWithRandomised,
  countBeyondEdge,
  kolmogorovSmirnov,
  randomEdge,
} from '../../shared/spectra/randomised.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';
import type { HostTensor } from '../../shared/tensors/tensor.ts';

function normal(seed: number, ...shape: number[]): HostTensor {
  const random = randomFor(seed, 'weights');
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal());
  return { shape, data };
}

const compare = (weight: HostTensor, seed = 0) =>
  compareWithRandomised('linear', [['w', weight]], 'rows', portableSolver, randomFor(seed, 'randomise'));

describe('the comparison with randomised weights', () => {
  it('finds neither spikes nor traps in random weights', async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      expect(await compare(normal(seed, 60, 90))).toMatchObject({ spikes: 0, traps: 0 });
    }
    const complex = normal(6, 24, 30, 3, 2);
    expect(
      await compareWithRandomised('spectralConv', [['w', complex]], 'rows', portableSolver, randomFor(0, 'randomise')),
    ).toMatchObject({ spikes: 0, traps: 0 });
  });

  it('counts directions that were learnt, which permuting destroys', async () => {
    const weight = normal(1, 60, 90);
    for (let i = 0; i < 60; i++) {
      for (let j = 0; j < 90; j++)
        weight.data[i * 90 + j]! +=
          (i % 2 ? 1 : -1) * (j % 3 === 0 ? 1.5 : -0.75) + (i < 30 ? 1 : -1) * (j < 45 ? 1 : -1);
    }
    const { spikes, traps, distance } = await compare(weight);
    expect({ spikes, traps }).toEqual({ spikes: 2, traps: 0 });
    expect(distance).toBeGreaterThan(0.05);
  });

  it('counts single huge entries as correlation traps', async () => {
    const weight = normal(1, 60, 90);
    weight.data[7] = 60;
    weight.data[4000] = -50;
    expect((await compare(weight)).traps).toBe(2);
  });

  it('depends on the seed alone', async () => {
    const weight = normal(1, 20, 30);
    expect(await compare(weight, 3)).toEqual(await compare(weight, 3));
    expect((await compare(weight, 3)).eigenvalues).not.toEqual((await compare(weight, 4)).eigenvalues);
  });

  it('keeps every entry and the Frobenius norm', async () => {
    const weight = normal(1, 20, 30);
    const { eigenvalues } = await compare(weight);
    const squares = weight.data.reduce((sum, value) => sum + value ** 2, 0);
    expect(eigenvalues.reduce((sum, value) => sum + value, 0) / squares).toBeCloseTo(1, 5);
  });
});

it('takes the largest difference of cumulative distributions', () => {
  expect(kolmogorovSmirnov(Float64Array.of(1, 2, 3, 4), Float64Array.of(1, 2, 3, 4))).toBe(0);
  expect(kolmogorovSmirnov(Float64Array.of(1, 2), Float64Array.of(3, 4))).toBe(1);
  expect(kolmogorovSmirnov(Float64Array.of(1, 2, 3, 4), Float64Array.of(3, 4, 5, 6))).toBe(0.5);
});

it('takes no single eigenvalue for an outlier', () => {
  expect(countBeyondEdge(Float64Array.of(5), 1, 4)).toBe(0);
});

it('puts the edge a little above that of Marchenko and Pastur, in proportion to the variance', () => {
  const limit = (Math.sqrt(600) + Math.sqrt(900)) ** 2;
  expect(randomEdge(600, 900, 1) / limit).toBeGreaterThan(1);
  expect(randomEdge(600, 900, 1) / limit).toBeLessThan(1.04);
  expect(randomEdge(600, 900, 1, true)).toBeLessThan(randomEdge(600, 900, 1));
  expect(randomEdge(600, 900, 3)).toBeCloseTo(3 * randomEdge(600, 900, 1), 6);
});
