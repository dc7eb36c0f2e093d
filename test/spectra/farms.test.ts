import { describe, expect, it } from 'vitest';
import { describeSpectrum } from '../../shared/spectra/describe.ts';
import { farmsConvolution, farmsEigenvalues } from '../../shared/spectra/farms.ts';
import { windowStarts } from '../../shared/spectra/farms-plan.ts';
import { matricesOf } from '../../shared/spectra/matrices.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import { fixturePath, readJsonFixture } from '../support/fixtures.ts';

interface Fit {
  readonly alpha: number;
  readonly D: number;
  readonly n_tail: number;
}
type Fits = { readonly median: Fit; readonly goodness_of_fit: Fit };
interface Pool {
  readonly n_eigs: number;
  readonly eig_max: number;
  readonly eig_sum: number;
  readonly filter_zeros_true: Fits;
  readonly filter_zeros_false: Fits;
}
interface Farms {
  readonly linear: Record<
    string,
    Pool & {
      matrix: string;
      num_row_samples: number;
      num_col_samples: number;
      step_size: number | null;
      sampling_ops_per_dim: number | null;
      row_windows: number;
      window_starts: [number, number][];
    }
  >;
  readonly conv2d: Record<
    string,
    {
      matrix: string;
      Q_ratio: number;
      divisions: number;
      per_division: Pool[];
      alpha_median_unfiltered_mean_over_divisions: number;
    }
  >;
}

const expected = await readJsonFixture<Farms>('esd', 'farms.json');
const weights = await openSafetensors(await fileSource(fixturePath('esd', 'weights.safetensors')));

function expectPool(eigenvalues: Float64Array, pool: Pool) {
  expect(eigenvalues).toHaveLength(pool.n_eigs);
  expect(eigenvalues.at(-1)! / pool.eig_max).toBeCloseTo(1, 10);
  expect(eigenvalues.reduce((sum, value) => sum + value, 0) / pool.eig_sum).toBeCloseTo(1, 10);
  for (const filterZeros of [true, false]) {
    const fits = filterZeros ? pool.filter_zeros_true : pool.filter_zeros_false;
    for (const [method, fit] of [
      ['median', fits.median],
      ['goodnessOfFit', fits.goodness_of_fit],
    ] as const) {
      const config = { filterZeros, fit: method === 'median' ? { method, xminPosition: 2 } : { method } };
      const identity = { name: 'pool', kind: 'linear' as const, shape: [] };
      const { spectrum } = describeSpectrum(identity, eigenvalues, config, { dimension: 1 });
      expect(spectrum.tail).toBe(fit.n_tail);
      expect(spectrum.alpha! / fit.alpha).toBeCloseTo(1, 7);
      expect(spectrum.ksDistance! / fit.D).toBeCloseTo(1, 7);
    }
  }
}

describe('FARMS', () => {
  it.each(Object.entries(expected.linear))(
    'places windows and pools their spectra as published: %s',
    async (_, wanted) => {
      const { shape, data } = await weights.read(wanted.matrix);
      const [rows, columns] = shape as [number, number];
      const placement =
        wanted.step_size === null ? { count: wanted.sampling_ops_per_dim! } : { step: wanted.step_size };
      const starts = windowStarts(rows, wanted.num_row_samples, placement).flatMap((top) =>
        windowStarts(columns, wanted.num_col_samples, placement).map((left) => [top, left]),
      );
      expect(starts).toEqual(wanted.window_starts);
      const windows = { rows: wanted.num_row_samples, columns: wanted.num_col_samples, placement };
      expectPool(await farmsEigenvalues({ rows, columns, data }, windows, portableSolver), wanted);
    },
  );

  it.each(Object.entries(expected.conv2d))('cuts a convolution into blocks as published: %s', async (_, wanted) => {
    const weight = await weights.read(wanted.matrix);
    const taps = [...matricesOf('conv2d', wanted.matrix, weight, 'taps')];
    const blocks = await farmsConvolution(taps, wanted.Q_ratio, portableSolver);
    expect(blocks).toHaveLength(wanted.divisions);
    for (const [index, block] of blocks.entries()) expectPool(block, wanted.per_division[index]!);
  });

  it('says which window does not fit', async () => {
    const matrix = { rows: 4, columns: 4, data: new Float64Array(16) };
    const windows = { rows: 5, columns: 2, placement: { step: 1 } };
    await expect(farmsEigenvalues(matrix, windows, portableSolver)).rejects.toThrow("windows of [5, 2] don't fit");
  });
});
