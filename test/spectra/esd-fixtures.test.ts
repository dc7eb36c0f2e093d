import { describe, expect, it } from 'vitest';
import { analyseLayers } from '../../shared/spectra/analyse.ts';
import { spectraConfigSchema } from '../../shared/spectra/config.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';
import type { LayerSpectrum } from '../../shared/spectra/spectrum.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import type { LayerKind } from '../../shared/tensors/layer.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import { fixturePath, readJsonFixture } from '../support/fixtures.ts';
import { type FitKey, publishedFits as fits } from '../support/published-fits.ts';

interface ExpectedFit {
  alpha: number | null;
  D: number;
  xmin: number;
  n_tail: number;
  alphahat: number;
  well_conditioned: boolean;
}
type Filtered = Record<FitKey, ExpectedFit> & { stable_rank: number };
interface ExpectedLayer {
  shape: number[];
  degenerate_equal_spectrum: boolean;
  spectral_norm: number;
  fnorm_sq: number;
  filter_zeros_true: Filtered;
  filter_zeros_false: Filtered;
}

const kindByAxes: Record<number, LayerKind> = { 2: 'linear', 3: 'conv1d', 4: 'conv2d' };
const expected = await readJsonFixture<Record<string, ExpectedLayer>>('esd', 'expected.json');
const weights = await openSafetensors(await fileSource(fixturePath('esd', 'weights.safetensors')));
const eigenvalues = await openSafetensors(await fileSource(fixturePath('esd', 'eigs.safetensors')));
const layers = Object.entries(expected).map(([name, { shape }]) => ({
  name,
  kind: kindByAxes[shape.length]!,
  weights: [name],
}));

async function spectra(fit: (typeof fits)[FitKey], filterZeros: boolean): Promise<Map<string, LayerSpectrum>> {
  const config = spectraConfigSchema.parse({ fit, filterZeros, conv1d: 'taps' });
  const report = await analyseLayers(layers, weights.read, config, portableSolver);
  return new Map(report.layers.map((layer) => [layer.name, layer]));
}

function expectClose(actual: number | null, wanted: number, relative: number, what: string): void {
  expect(actual, what).not.toBeNull();
  expect(Math.abs(actual! - wanted), `${what}: ${actual} instead of ${wanted}`).toBeLessThanOrEqual(
    relative * Math.abs(wanted),
  );
}

describe('the spectra of the reference weights', () => {
  it('have the reference eigenvalues to 1e-10 of the largest', async () => {
    for (const [name, spectrum] of await spectra(fits.xmin_mid_pos2, true)) {
      const { data } = await eigenvalues.readFloat64(name);
      expect(spectrum.eigenvalues.length, name).toBe(data.length);
      const worst = Math.max(...spectrum.eigenvalues.map((value, i) => Math.abs(value - data[i]!)));
      expect(worst, name).toBeLessThan(1e-10 * data.at(-1)!);
    }
  });

  it('have the reference norms and stable ranks', async () => {
    for (const filterZeros of [true, false]) {
      for (const [name, spectrum] of await spectra(fits.xmin_mid_pos2, filterZeros)) {
        const wanted = expected[name]!;
        expectClose(spectrum.spectralNorm, wanted.spectral_norm, 1e-9, name);
        expectClose(spectrum.frobeniusNormSquared, wanted.fnorm_sq, 1e-9, name);
        const { stable_rank } = wanted[`filter_zeros_${filterZeros}`];
        expectClose(spectrum.stableRank, stable_rank, 1e-9, name);
      }
    }
  });
});

describe.each(Object.keys(fits) as FitKey[])('the %s fit', (key) => {
  it.each([true, false])(
    'gives the reference values where they are well-conditioned (filterZeros %s)',
    async (filterZeros) => {
      let compared = 0;
      for (const [name, spectrum] of await spectra(fits[key], filterZeros)) {
        const wanted = expected[name]![`filter_zeros_${filterZeros}`][key];
        if (!wanted.well_conditioned) continue;
        compared++;
        expect(spectrum.flags, name).toEqual([]);
        expect(spectrum.tail, name).toBe(wanted.n_tail);
        expectClose(spectrum.alpha, wanted.alpha!, 1e-6, name);
        expectClose(spectrum.xmin, wanted.xmin, 1e-6, name);
        expectClose(spectrum.ksDistance, wanted.D, 1e-6, name);
        expectClose(spectrum.alphaHat, wanted.alphahat, 1e-6, name);
      }
      expect(compared).toBeGreaterThanOrEqual(11);
    },
  );

  it.each([true, false])('says why it gives no alpha for the others (filterZeros %s)', async (filterZeros) => {
    for (const [name, spectrum] of await spectra(fits[key], filterZeros)) {
      const wanted = expected[name]!;
      if (wanted[`filter_zeros_${filterZeros}`][key].well_conditioned) continue;
      expect(spectrum.alpha, name).toBeNull();
      expect(spectrum.alphaHat, name).toBeNull();
      expect(spectrum.flags.join(), name).toMatch(
        wanted.degenerate_equal_spectrum ? /all equal/ : /zero|rounding noise/,
      );
    }
  });
});
