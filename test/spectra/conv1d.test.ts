import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { analyseLayer, analyseLayers } from '../../shared/spectra/analyse.ts';
import { type Conv1dReading, spectraConfigSchema } from '../../shared/spectra/config.ts';
import { pooledSpectrum } from '../../shared/spectra/pooled-spectrum.ts';
import { compareWithRandomised } from '../../shared/spectra/randomised.ts';
import { openPool } from '../../shared/spectra/solvers/pool.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import type { HostTensor } from '../../shared/tensors/tensor.ts';
import { fixturePath, readJsonFixture } from '../support/fixtures.ts';

interface Fit {
  readonly alpha: number;
  readonly D: number;
  readonly xmin: number;
  readonly n_tail: number;
}
interface Expected {
  readonly shape: readonly number[];
  readonly eigenvalues: readonly number[];
  readonly stable_rank: number;
  readonly median_2: Fit;
  readonly 'median_1.5': Fit;
}

const expected = await readJsonFixture<Record<string, Expected>>('esd', 'conv1d.json');
const weights = await openSafetensors(await fileSource(fixturePath('esd', 'conv1d.safetensors')));
const layers = Object.keys(expected).map((name) => ({ name, kind: 'conv1d' as const, weights: [name] }));

function randomKernel(seed: number, ...shape: [number, number, number]): HostTensor {
  const random = randomFor(seed, 'kernel');
  return { shape, data: Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, () => random.normal()) };
}

const measure = (weight: HostTensor, conv1d: Conv1dReading = 'rows') =>
  analyseLayer(
    { name: 'w', kind: 'conv1d', weights: ['w'] },
    [['w', weight]],
    spectraConfigSchema.parse({ conv1d, filterZeros: false }),
    portableSolver,
  );

const shape = fc.tuple(
  fc.integer({ min: 8, max: 24 }),
  fc.integer({ min: 1, max: 9 }),
  fc.constantFrom<(1 | 3 | 5)[]>(1, 3, 5),
);

describe('a Conv1d by rows', () => {
  it.each(['median_2', 'median_1.5'] as const)(
    'has the spectrum of the published SciML code, fitted by %s',
    async (key) => {
      const xminPosition = key === 'median_2' ? 2 : 1.5;
      const config = spectraConfigSchema.parse({ fit: { method: 'median', xminPosition } });
      const report = await analyseLayers(layers, weights.read, config, portableSolver);
      expect(report.layers).toHaveLength(6);
      for (const spectrum of report.layers) {
        const { eigenvalues, stable_rank, [key]: fit } = expected[spectrum.name]!;
        expect(spectrum.eigenvalues).toHaveLength(eigenvalues.length);
        const worst = Math.max(...spectrum.eigenvalues.map((value, at) => Math.abs(value - eigenvalues[at]!)));
        expect(worst, spectrum.name).toBeLessThan(1e-12 * eigenvalues.at(-1)!);
        expect(spectrum.tail).toBe(fit.n_tail);
        expect(spectrum.alpha! / fit.alpha).toBeCloseTo(1, 9);
        expect(spectrum.ksDistance! / fit.D).toBeCloseTo(1, 9);
        expect(spectrum.xmin! / fit.xmin).toBeCloseTo(1, 9);
        expect(spectrum.stableRank! / stable_rank).toBeCloseTo(1, 9);
      }
    },
  );

  it('has the squared length of each row as eigenvalue where the kernel is one wide', async () => {
    const weight: HostTensor = { shape: [3, 2, 1], data: Float32Array.of(3, 4, 1, 0, 0, 2) };
    expect((await measure(weight)).eigenvalues).toEqual([1, 4, 25]);
    expect((await measure(weight, 'taps')).eigenvalues).toHaveLength(2);
  });

  it('keeps its alpha when its outputs or its inputs change places', async () => {
    await fc.assert(
      fc.asyncProperty(shape, fc.integer(), async ([outputs, inputs, taps], seed) => {
        const weight = randomKernel(seed, outputs, inputs, taps);
        const toOutput = randomFor(seed, 'outputs').permutation(outputs);
        const toInput = randomFor(seed, 'inputs').permutation(inputs);
        const moved = weight.data.map((_, at) => {
          const [output, input, tap] = [Math.floor(at / (inputs * taps)), Math.floor(at / taps) % inputs, at % taps];
          return weight.data[(toOutput[output]! * inputs + toInput[input]!) * taps + tap]!;
        });
        const { alpha } = await measure(weight);
        expect((await measure({ shape: weight.shape, data: moved })).alpha! / alpha!).toBeCloseTo(1, 9);
      }),
      { numRuns: 40, seed: 1 },
    );
  });

  it('keeps its alpha when the weight is scaled, and has a smaller one when its outputs are scaled apart', async () => {
    await fc.assert(
      fc.asyncProperty(shape, fc.integer(), fc.integer({ min: -20, max: 20 }), async (sides, seed, exponent) => {
        const weight = randomKernel(seed, ...sides);
        const scaled = { ...weight, data: weight.data.map((value) => value * 2 ** exponent) };
        expect((await measure(scaled)).alpha! / (await measure(weight)).alpha!).toBeCloseTo(1, 12);
        const apart = weight.data.map((value, at) => value * 2 ** Math.floor(at / (sides[1] * sides[2])));
        expect((await measure({ shape: weight.shape, data: apart })).alpha).toBeLessThan(
          (await measure(weight)).alpha!,
        );
      }),
      { numRuns: 40, seed: 1 },
    );
  });

  it('has the sum of squares of the whole weight as its norm, twice what it has by taps', async () => {
    const weight = randomKernel(3, 12, 7, 5);
    const squares = weight.data.reduce((sum, value) => sum + value ** 2, 0);
    expect((await measure(weight)).frobeniusNormSquared! / squares).toBeCloseTo(1, 12);
    expect((await measure(weight, 'taps')).frobeniusNormSquared! / squares).toBeCloseTo(0.5, 12);
  });

  it('counts a column as as long as it is in the noise floor', async () => {
    const { dimension, short, long } = await pooledSpectrum(
      'conv1d',
      [['w', randomKernel(1, 9, 7, 1)]],
      'rows',
      portableSolver,
    );
    expect({ dimension, short, long }).toEqual({ dimension: 7, short: 1, long: 7 });
  });

  it('differs from its weights in random places by how unlike its rows are', async () => {
    const even = randomKernel(4, 200, 12, 1);
    const uneven = { ...even, data: even.data.map((value, at) => value * (1 + Math.floor(at / 12) / 20)) };
    const distance = async (weight: HostTensor) =>
      (await compareWithRandomised('conv1d', [['w', weight]], 'rows', portableSolver, randomFor(0, 'randomise')))
        .distance;
    expect(await distance(even)).toBeLessThan(0.1);
    expect(await distance(uneven)).toBeGreaterThan(0.2);
  });
});

describe('the threads that solve a Conv1d by rows', () => {
  const pools = [openPool('wasm', 1), openPool('wasm', 3)];
  afterAll(async () => {
    for (const pool of await Promise.all(pools)) await pool.close();
  });

  it('give the same bits however many they are', async () => {
    const config = spectraConfigSchema.parse({});
    const [one, three] = await Promise.all(
      pools.map(async (pool) => analyseLayers(layers, weights.read, config, await pool)),
    );
    expect(three).toEqual(one);
  });

  it('are given large matrices alone', async () => {
    const given: number[][] = [];
    const source = {
      squaredSingularValues(rows: number, columns: number, data: Float32Array | Float64Array) {
        given.push([rows, columns]);
        return portableSolver.squaredSingularValues(rows, columns, data);
      },
    };
    for (const weight of [randomKernel(1, 3, 48, 40), randomKernel(2, 500, 64, 3)]) {
      await pooledSpectrum('conv1d', [['w', weight]], 'rows', source);
    }
    expect(given).toEqual([
      [48, 40],
      [48, 40],
      [48, 40],
    ]);
  });
});
