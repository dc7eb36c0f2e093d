import { describe, expect, it } from 'vitest';
import { fitAboveNoise } from '../../../shared/spectra/describe.ts';
import { type MetricName, measureMetrics } from '../../../shared/spectra/metrics/registry.ts';
import { fileSource } from '../../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../../shared/tensors/safetensors.ts';
import { fixturePath, readJsonFixture } from '../../support/fixtures.ts';

type Ranks = Record<
  'stable_rank' | 'norm_stable_rank' | 'eig_ratio' | 'stable_rank_top_half' | 'norm_stable_rank_top_half',
  number | null
>;
interface Expected {
  readonly shape: number[];
  readonly degenerate_equal_spectrum: boolean;
  readonly filter_zeros_true: Ranks;
  readonly filter_zeros_false: Ranks;
  readonly weightwatcher: Record<string, number>;
}

const expected = await readJsonFixture<Record<string, Expected>>('esd', 'expected.json');
const spectra = await openSafetensors(await fileSource(fixturePath('esd', 'eigs.safetensors')));

/** The rank threshold of the published numbers, which their exact eigenvalues allow: p eps of the largest singular value. */
async function measured(name: string, filterZeros: boolean) {
  const { shape } = expected[name]!;
  const eigenvalues = (await spectra.readFloat64(name)).data.map((value) => Math.max(0, value));
  const [short, long] = [Math.min(shape[0]!, shape[1]!), Math.max(shape[0]!, shape[1]!)];
  const above = eigenvalues.filter((value) => value > 1e-5);
  const kept = filterZeros ? above : eigenvalues;
  const best = fitAboveNoise(above, 0, { fit: { method: 'goodnessOfFit' }, filterZeros });
  const floor = eigenvalues.at(-1)! * (long * Number.EPSILON) ** 2;
  return measureMetrics({ eigenvalues, kept, floor, short, long, bestFit: 'refused' in best ? null : best });
}

const close = (actual: number | null, wanted: number) => {
  expect(actual).not.toBeNull();
  expect(Math.abs(actual! - wanted)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(wanted)));
};

const names = Object.keys(expected);
const degenerate = names.filter((name) => expected[name]!.degenerate_equal_spectrum);
const fitted = names.filter((name) => !degenerate.includes(name));

async function expectMetrics(name: string, pairs: readonly [MetricName, string][]) {
  const metrics = await measured(name, true);
  for (const [ours, theirs] of pairs) close(metrics[ours], expected[name]!.weightwatcher[theirs]!);
}

describe('metrics', () => {
  it.each(names)('agree with WeightWatcher where they need no fit: %s', async (name) => {
    await expectMetrics(name, [
      ['logNorm', 'log_norm'],
      ['logSpectralNorm', 'log_spectral_norm'],
      ['matrixRank', 'matrix_rank'],
      ['matrixEntropy', 'matrix_entropy'],
      ['softRank', 'mp_softrank_sigma1'],
      ['aspectRatio', 'Q'],
    ]);
  });

  it.each(fitted)('agree with WeightWatcher where they follow the best fit: %s', async (name) => {
    await expectMetrics(name, [
      ['alphaBestFit', 'alpha'],
      ['ksDistanceBestFit', 'D'],
      ['tailBestFit', 'num_pl_spikes'],
      ['alphaError', 'sigma'],
      ['alphaWeighted', 'alpha_weighted'],
      ['logAlphaNorm', 'log_alpha_norm'],
    ]);
  });

  it.each(degenerate)('are null where they follow a fit and all eigenvalues are equal: %s', async (name) => {
    const { alphaBestFit, alphaError, alphaWeighted, logAlphaNorm } = await measured(name, true);
    expect([alphaBestFit, alphaError, alphaWeighted, logAlphaNorm]).toEqual([null, null, null, null]);
  });

  it.each(names.flatMap((name) => [true, false].map((filterZeros) => ({ name, filterZeros }))))(
    'agree with the ranks of the published estimator: $name, zeros filtered: $filterZeros',
    async ({ name, filterZeros }) => {
      const metrics = await measured(name, filterZeros);
      const ranks = filterZeros ? expected[name]!.filter_zeros_true : expected[name]!.filter_zeros_false;
      close(metrics.normStableRank, ranks.norm_stable_rank!);
      close(metrics.stableRankTopHalf, ranks.stable_rank_top_half!);
      close(metrics.normStableRankTopHalf, ranks.norm_stable_rank_top_half!);
      if (ranks.eig_ratio !== null) close(metrics.eigenvalueRatio, ranks.eig_ratio);
    },
  );
});

it('gives null for an empty spectrum and for what has no meaning in one of rank 1', () => {
  const empty = new Float64Array();
  const none = measureMetrics({ eigenvalues: empty, kept: empty, floor: 0, short: 1, long: 1, bestFit: null });
  expect(Object.values(none).every((value) => value === null)).toBe(true);
  const one = Float64Array.of(0, 0, 4);
  const metrics = measureMetrics({ eigenvalues: one, kept: one, floor: 1e-12, short: 3, long: 3, bestFit: null });
  expect(metrics).toMatchObject({ matrixRank: 1, matrixEntropy: null, eigenvalueRatio: null, logNorm: Math.log10(4) });
});
