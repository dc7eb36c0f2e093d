import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { analyseLayer, analyseLayers, spectraReport } from '../../shared/spectra/analyse.ts';
import { spectraConfigSchema } from '../../shared/spectra/config.ts';
import { fitNames } from '../../shared/spectra/fits/registry.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';
import type { Layer } from '../../shared/tensors/layer.ts';
import { elementCount, type HostTensor } from '../../shared/tensors/tensor.ts';
import { wholeOfTucker } from '../../shared/tensors/tucker.ts';

const config = spectraConfigSchema.parse({});

function randomTensor(seed: number, ...shape: number[]): HostTensor {
  const random = randomFor(seed, 'weights');
  return { shape, data: Float32Array.from({ length: elementCount(shape) }, () => random.normal()) };
}

const dense: Layer = { name: 'fc', kind: 'linear', weights: ['fc.weight'] };
const measure = (weight: HostTensor, settings: object = {}) =>
  analyseLayer(dense, [['fc.weight', weight]], spectraConfigSchema.parse(settings), portableSolver);

const matrix = fc
  .tuple(fc.integer(), fc.integer({ min: 6, max: 24 }), fc.integer({ min: 6, max: 24 }))
  .map(([seed, rows, columns]) => randomTensor(seed, rows, columns));
/** The peak of a histogram may move by a bin when a weight changes by rounding. */
const smoothMethod = fc.constantFrom(...fitNames.filter((name) => name !== 'fixFinger'));
const anyMethod = fc.constantFrom(...fitNames);

describe('alpha', () => {
  it('does not change when the weight is scaled by a power of two', async () => {
    await fc.assert(
      fc.asyncProperty(matrix, smoothMethod, fc.integer({ min: -20, max: 20 }), async (weight, name, exponent) => {
        const scaled = { ...weight, data: weight.data.map((value) => value * 2 ** exponent) };
        const settings = { fit: { method: name }, filterZeros: false };
        expect((await measure(scaled, settings)).alpha).toBeCloseTo((await measure(weight, settings)).alpha!, 8);
      }),
      { numRuns: 40, seed: 1 },
    );
  });

  it('does not change when the weight is transposed or its rows are permuted', async () => {
    await fc.assert(
      fc.asyncProperty(matrix, smoothMethod, fc.integer(), async (weight, name, seed) => {
        const [rows, columns] = weight.shape as [number, number];
        const at = (row: number, column: number) => weight.data[row * columns + column]!;
        const transposed: HostTensor = {
          shape: [columns, rows],
          data: weight.data.map((_, i) => at(i % rows, Math.floor(i / rows))),
        };
        const order = randomFor(seed, 'rows').permutation(rows);
        const permuted: HostTensor = {
          shape: weight.shape,
          data: weight.data.map((_, i) => at(order[Math.floor(i / columns)]!, i % columns)),
        };
        const settings = { fit: { method: name }, filterZeros: false };
        const { alpha } = await measure(weight, settings);
        expect((await measure(transposed, settings)).alpha).toBeCloseTo(alpha!, 7);
        expect((await measure(permuted, settings)).alpha).toBeCloseTo(alpha!, 7);
      }),
      { numRuns: 40, seed: 1 },
    );
  });
});

describe('a layer without a meaningful alpha', () => {
  it('is flagged when every weight is zero', async () => {
    const spectrum = await measure({ shape: [12, 14], data: new Float32Array(168) });
    expect(spectrum).toMatchObject({ alpha: null, spectralNorm: 0, stableRank: null, alphaHat: null });
    expect(spectrum.eigenvalues).toHaveLength(12);
    expect(spectrum.flags).toEqual(['no alpha: every weight is zero, or so small that its square is']);
  });

  it('is flagged when a weight is NaN or infinite', async () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const weight = randomTensor(1, 12, 14);
      weight.data[5] = value;
      expect((await measure(weight)).flags).toEqual(['no alpha: holds NaN or infinite weights: fc.weight']);
    }
  });

  it('is flagged when it has one eigenvalue', async () => {
    expect((await measure(randomTensor(1, 1, 14))).flags.join()).toContain('too few');
  });

  it('never puts NaN or Infinity into the report', async () => {
    const extremes = fc.constantFrom(0, 1, -1, 1e-30, 1e30, 3e38, 1e-45, Number.NaN, Number.POSITIVE_INFINITY);
    const anyMatrix = fc
      .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }))
      .chain(([rows, columns]) =>
        fc.array(extremes, { minLength: rows * columns, maxLength: rows * columns }).map((values) => ({
          shape: [rows, columns],
          data: Float32Array.from(values),
        })),
      );
    await fc.assert(
      fc.asyncProperty(anyMatrix, anyMethod, fc.boolean(), async (weight, name, filterZeros) => {
        const {
          eigenvalues,
          flags,
          name: _,
          kind,
          shape,
          ...numbers
        } = await measure(weight, {
          fit: { method: name },
          filterZeros,
        });
        for (const value of [...Object.values(numbers), ...eigenvalues]) {
          expect(value === null || Number.isFinite(value)).toBe(true);
        }
        expect(numbers.alpha === null).toBe(flags.length > 0);
      }),
      { seed: 1 },
    );
  });
});

describe('the analysis of a model', () => {
  const layers: Layer[] = [
    { name: 'conv0', kind: 'spectralConv', weights: ['conv0.weights1', 'conv0.weights2'] },
    { name: 'fc', kind: 'linear', weights: ['fc.weight'] },
  ];
  const tensors = new Map([
    ['conv0.weights1', randomTensor(2, 6, 8, 2, 3, 2)],
    ['conv0.weights2', randomTensor(3, 6, 8, 2, 3, 2)],
    ['fc.weight', randomTensor(4, 16, 20)],
  ]);
  const read = async (name: string) => tensors.get(name)!;

  it('leaves spectral weights unread unless asked for', async () => {
    const asked: string[] = [];
    const report = await analyseLayers(layers, (name) => read(asked.push(name) ? name : name), config, portableSolver);
    expect(report.layers.map(({ name }) => name)).toEqual(['fc']);
    expect(asked).toEqual(['fc.weight']);
  });

  it('pools one complex matrix per mode over all spectral weights', async () => {
    const { layers: measured } = await analyseLayers(
      layers,
      read,
      { ...config, spectralWeights: true },
      portableSolver,
    );
    const [conv0] = measured;
    expect(conv0!.eigenvalues).toHaveLength(2 * 6 * 6);
    const squares = [...tensors.get('conv0.weights1')!.data, ...tensors.get('conv0.weights2')!.data];
    expect(conv0!.frobeniusNormSquared).toBeCloseTo(
      squares.reduce((sum, value) => sum + value * value, 0),
      6,
    );
  });

  it('fits spectral weights far below the published zero threshold', async () => {
    const small = async (name: string) => ({
      ...(await read(name)),
      data: (await read(name)).data.map((value) => value * 2 ** -12),
    });
    const wanted = { ...config, spectralWeights: true };
    const [full] = (await analyseLayers(layers, read, wanted, portableSolver)).layers;
    const [scaled] = (await analyseLayers(layers, small, wanted, portableSolver)).layers;
    expect(scaled!.alpha).toBeCloseTo(full!.alpha!, 9);
  });

  it('measures the whole weight of Tucker factors', async () => {
    const names = ['core', 'f0', 'f1', 'f2'];
    const shapes = [
      [3, 4, 2, 2],
      [8, 3, 2],
      [9, 4, 2],
      [5, 2, 2],
    ];
    const parts = shapes.map((shape, index) => randomTensor(index, ...shape));
    const whole = wholeOfTucker(parts[0]!, parts.slice(1));
    const wanted = { ...config, spectralWeights: true };
    const layer: Layer = { name: 'c', kind: 'spectralConv', weights: names, factors: 'tucker' };
    const found = await analyseLayers([layer], async (name) => parts[names.indexOf(name)]!, wanted, portableSolver);
    const plain: Layer = { name: 'c', kind: 'spectralConv', weights: ['core'] };
    const expected = await analyseLayers([plain], async () => whole, wanted, portableSolver);
    expect(found.layers).toEqual(expected.layers);
    expect(found.layers[0]).toMatchObject({ kind: 'spectralConv', shape: [8, 9, 5, 2] });
    expect((await analyseLayers([layer], async () => whole, config, portableSolver)).layers).toEqual([]);
  });

  it('measures the blocks of block-diagonal matrices as those of a spectral convolution', async () => {
    const names = ['w1', 'w2'];
    const parts = names.map((_, index) => randomTensor(index, 2, 3, 6, 6));
    const wanted = { ...config, spectralWeights: true };
    const layer: Layer = { name: 'filter', kind: 'spectralConv', weights: names, factors: 'blocks' };
    const found = await analyseLayers([layer], async (name) => parts[names.indexOf(name)]!, wanted, portableSolver);
    // The same numbers as [in, out, blocks, 2].
    const moved = parts.map(({ data }) => ({
      shape: [6, 6, 3, 2],
      data: data.map((_, index) => data[(index % 2) * 108 + (Math.floor(index / 2) % 3) * 36 + Math.floor(index / 6)]!),
    }));
    const plain: Layer = { name: 'filter', kind: 'spectralConv', weights: names };
    const expected = await analyseLayers([plain], async (name) => moved[names.indexOf(name)]!, wanted, portableSolver);
    expect(found.layers).toEqual(expected.layers);
    expect(found.layers[0]!.eigenvalues).toHaveLength(2 * 3 * 6);
    expect((await analyseLayers([layer], async () => parts[0]!, config, portableSolver)).layers).toEqual([]);
  });

  it('measures a convolution in three dimensions as one matrix per tap', async () => {
    const flat = randomTensor(2, 12, 10, 2, 2);
    const settings = { ...config, conv1d: 'taps' } as const;
    const of = (kind: Layer['kind'], shape: readonly number[]) =>
      analyseLayer({ name: 'w', kind, weights: ['w'] }, [['w', { ...flat, shape }]], settings, portableSolver);
    const { kind, shape, ...deep } = await of('conv3d', [12, 10, 1, 2, 2]);
    expect([kind, shape]).toEqual(['conv3d', [12, 10, 1, 2, 2]]);
    expect(await of('conv2d', [12, 10, 2, 2])).toMatchObject(deep);
  });

  it('refuses a weight that does not have the axes of its kind', async () => {
    const wrong: Layer[] = [{ name: 'w0', kind: 'conv2d', weights: ['fc.weight'] }];
    await expect(analyseLayers(wrong, read, config, portableSolver)).rejects.toThrow(
      'tensor "fc.weight": its shape is [16, 20], but the weight of a conv2d layer is [out, in, kh, kw]',
    );
  });

  it('summarises alpha over the layers that have one', async () => {
    const spectrum = await measure(randomTensor(1, 12, 12));
    const spectra = [2, 4, null].map((alpha) => ({ ...spectrum, alpha }));
    expect(spectraReport(spectra).summary).toEqual({ analysed: 3, alphaMean: 3, alphaStd: 1 });
    expect(spectraReport([]).summary).toEqual({ analysed: 0, alphaMean: null, alphaStd: null });
  });
});
