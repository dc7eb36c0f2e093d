import { afterAll, describe, expect, it } from 'vitest';
import { analyseLayer, analysisFlops } from '../../shared/spectra/analyse.ts';
import { spectraConfigSchema } from '../../shared/spectra/config.ts';
import { matrixFlops } from '../../shared/spectra/cost.ts';
import { measureFarms } from '../../shared/spectra/farms.ts';
import { openPool } from '../../shared/spectra/solvers/pool.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';
import type { SpectrumSource } from '../../shared/spectra/spectrum-source.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import type { LayerKind } from '../../shared/tensors/layer.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import type { WeightTensor } from '../../shared/tensors/tensor.ts';
import { fixturePath, readJsonFixture } from '../support/fixtures.ts';

interface Case {
  readonly layer: string;
  readonly conv1d: 'rows' | 'taps';
  readonly side: number;
  readonly perSide: number;
  readonly xminPosition: number;
  readonly alpha: number;
  readonly windows: number;
  readonly windowSide: number;
}

const cases = await readJsonFixture<Case[]>('esd', 'farms_alpha.json');
const files = await Promise.all(
  ['weights', 'conv1d'].map(async (file) =>
    openSafetensors(await fileSource(fixturePath('esd', `${file}.safetensors`))),
  ),
);
const read = (name: string) => files.find((file) => file.names().includes(name))!.read(name);
const kinds: Record<number, LayerKind> = { 2: 'linear', 3: 'conv1d', 4: 'conv2d' };

const layerOf = (name: string, kind: LayerKind) => ({ name, kind, weights: [name] });
const settingsOf = (farms: object, others: object = {}) => {
  const config = spectraConfigSchema.parse({ ...others, farms });
  return { ...config, farms: config.farms! };
};
const measure = (kind: LayerKind, weight: WeightTensor, farms: object, source: SpectrumSource = portableSolver) =>
  analyseLayer(layerOf('w', kind), [['w', weight]], settingsOf(farms), source);

describe('alpha by FARMS in a run', () => {
  it.each(cases)(
    'has the published value: $layer by $conv1d, side $side, $perSide a side, tail $xminPosition',
    async ({ layer, conv1d, side, perSide, xminPosition, alpha, windows, windowSide }) => {
      const weight = await read(layer);
      const settings = settingsOf({ side, perSide }, { conv1d, fit: { method: 'median', xminPosition } });
      const described = layerOf(layer, kinds[weight.shape.length]!);
      const spectrum = await analyseLayer(described, [[layer, weight]], settings, portableSolver);
      expect(spectrum.farmsAlpha! / alpha).toBeCloseTo(1, 8);
      expect(spectrum.flags).toEqual([]);
      const found = await measureFarms(described, [[layer, weight]], settings, portableSolver);
      expect(found).toEqual({ alpha: spectrum.farmsAlpha, windows, shape: [windowSide, windowSide] });
      const flops = (config: typeof settings | Omit<typeof settings, 'farms'>) =>
        analysisFlops([described], { ...config }, () => weight.shape);
      const { farms: _, ...without } = settings;
      expect(flops(settings) - flops(without)).toBeCloseTo(
        windows * matrixFlops({ rows: windowSide, columns: windowSide }),
        3,
      );
    },
  );

  it('is not measured where the settings do not ask for it, and changes nothing else', async () => {
    const weight = await read('wide_48x96');
    const plain = await analyseLayer(
      layerOf('w', 'linear'),
      [['w', weight]],
      spectraConfigSchema.parse({}),
      portableSolver,
    );
    expect(plain.farmsAlpha).toBeNull();
    expect({ ...(await measure('linear', weight, {})), farmsAlpha: null }).toEqual(plain);
  });

  it('is that of the whole matrix where a window is as large', async () => {
    for (const placement of ['even', 'random']) {
      const { alpha, farmsAlpha } = await measure('linear', await read('square_64'), { placement });
      expect(farmsAlpha).toBe(alpha);
    }
  });

  it.each<[string, LayerKind, number[], string]>([
    ['a spectral convolution', 'spectralConv', [6, 6, 8, 2], 'FARMS is not defined for spectral convolutions'],
    ['a single row', 'linear', [1, 30], 'the matrix is too narrow for windows'],
    ['a convolution with one input', 'conv2d', [30, 1, 3, 3], 'the matrix is too narrow for windows'],
    [
      'windows of three eigenvalues in all',
      'linear',
      [3, 3],
      'a tail of 2 eigenvalues is too short for a power law, which takes 3',
    ],
  ])('is null for %s, with the reason', async (_, kind, shape, reason) => {
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, at) => Math.sin(1 + at * at));
    const { farmsAlpha, flags } = await measure(kind, { shape, data }, {});
    expect(farmsAlpha).toBeNull();
    expect(flags).toContain(`no farmsAlpha: ${reason}`);
  });

  it('is null for weights that are NaN or zero, which are named once', async () => {
    for (const value of [Number.NaN, 0]) {
      const { farmsAlpha, flags } = await measure(
        'linear',
        { shape: [9, 9], data: new Float32Array(81).fill(value) },
        {},
      );
      expect(farmsAlpha).toBeNull();
      expect(flags).toHaveLength(1);
    }
  });
});

describe('windows in random places', () => {
  it('are drawn by the seed and the name of the layer alone, as many as evenly spread ones', async () => {
    const weight = await read('tall_120x56');
    const found = (seed: number, name = 'w') =>
      measureFarms(
        layerOf(name, 'linear'),
        [['w', weight]],
        settingsOf({ side: 20, perSide: 4, placement: 'random', seed }),
        portableSolver,
      );
    const [one, again, other, renamed] = [await found(1), await found(1), await found(2), await found(1, 'v')];
    expect(again).toEqual(one);
    expect(one).toMatchObject({ windows: 16, shape: [20, 20] });
    expect(new Set([one.alpha, other.alpha, renamed.alpha]).size).toBe(3);
    const even = await measureFarms(
      layerOf('w', 'linear'),
      [['w', weight]],
      settingsOf({ side: 20, perSide: 4 }),
      portableSolver,
    );
    for (const { alpha } of [one, other, renamed]) expect(Math.abs(alpha! - even.alpha!)).toBeLessThan(0.3);
  });
});

describe('the threads that solve windows', () => {
  const pools = [openPool('wasm', 1), openPool('wasm', 3)];
  afterAll(async () => {
    for (const pool of await Promise.all(pools)) await pool.close();
  });

  it.each(['tall_120x56', 'conv2d_24x16x3x3'])('give the same bits however many they are: %s', async (name) => {
    const weight = await read(name);
    const [one, three] = await Promise.all(
      pools.map(async (pool) =>
        measure(kinds[weight.shape.length]!, weight, { side: 24, placement: 'random' }, await pool),
      ),
    );
    expect(three).toEqual(one);
  });
});
