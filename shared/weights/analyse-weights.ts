import { randomFor } from '../core/random.ts';
import type { SpectraConfig } from '../spectra/config.ts';
import { describeSpectrum, fitAboveNoise, unmeasurable } from '../spectra/describe.ts';
import { farmsConvolution, farmsEigenvalues } from '../spectra/farms.ts';
import { flagsOf } from '../spectra/flags.ts';
import { matricesOf } from '../spectra/matrices.ts';
import { measureMetrics } from '../spectra/metrics/registry.ts';
import { compareWithRandomised } from '../spectra/randomised.ts';
import type { SpectrumSource } from '../spectra/spectrum-source.ts';
import type { AnalysedLayer } from './analysis.ts';
import { brokenWeights, type LayerWeights, spectrumOfWeights, wholeWeights } from './layer-weights.ts';
import type { WeightLayer } from './weight-source.ts';

/** What is measured of each layer. */
export interface AnalysisSettings extends SpectraConfig {
  /** Compare with permuted weights, drawn by this seed. */
  readonly randomise?: { readonly seed: number };
  /** Alpha by FARMS from square windows of this side, or of the layer's shorter side where that is less. */
  readonly farms?: { readonly side: number; readonly perSide: number };
}

/**
 * Measures one layer of a checkpoint from its weights. `noise` is for a difference of stored weights: eigenvalues up to it
 * can come from rounding alone. Randomising and FARMS take all of the layer's weights into memory.
 */
export async function analyseWeights(
  layer: WeightLayer,
  weights: LayerWeights,
  settings: AnalysisSettings,
  solver: SpectrumSource,
  noise?: number,
): Promise<AnalysedLayer> {
  const { name, kind, matrix, shape } = layer;
  const identity = { name, kind, matrix, shape: [...shape] };
  const broken = brokenWeights(weights);
  if (broken.length > 0) {
    return {
      ...identity,
      ...unmeasurable(identity, `holds NaN or infinite weights: ${broken.join(', ')}`),
      matrix,
      metrics: null,
    };
  }
  const { eigenvalues, dimension, short, long } = await spectrumOfWeights(kind, weights, settings.conv1d, solver);
  const { spectrum, kept, floor } = describeSpectrum(identity, eigenvalues, withZerosFor(layer, settings), {
    dimension,
    storageFloor: noise,
  });
  if (!spectrum.spectralNorm) return { ...identity, ...spectrum, metrics: null };
  const { filterZeros } = settings;
  const best = fitAboveNoise(kept, floor, { fit: { method: 'goodnessOfFit' }, filterZeros });
  const metrics = measureMetrics({ eigenvalues, kept, floor, short, long, bestFit: 'refused' in best ? null : best });
  const randomised = settings.randomise
    ? await compareWithRandomised(
        kind,
        await wholeWeights(weights),
        settings.conv1d,
        solver,
        randomFor(settings.randomise.seed, 'randomise', name),
        eigenvalues,
      )
    : undefined;
  const farms = settings.farms ? await farmsAlpha(layer, weights, settings, solver) : undefined;
  return {
    ...identity,
    ...spectrum,
    flags: flagsOf({ spectrum, metrics, traps: randomised?.traps ?? null }),
    metrics,
    ...(randomised
      ? {
          randomised: {
            traps: randomised.traps,
            spikes: randomised.spikes,
            distance: randomised.distance,
            spectralNorm: randomised.eigenvalues.at(-1) ?? 0,
            eigenvalues: [...randomised.eigenvalues],
          },
        }
      : {}),
    ...(farms ? { farms } : {}),
  };
}

/** The product of an adapter has no zeros: only its non-zero eigenvalues are computed, however small the update is. */
const withZerosFor = ({ matrix }: WeightLayer, settings: AnalysisSettings) =>
  matrix === 'BA' ? { ...settings, filterZeros: false } : settings;

async function farmsAlpha(
  { kind, matrix }: WeightLayer,
  layer: LayerWeights,
  settings: AnalysisSettings,
  solver: SpectrumSource,
): Promise<NonNullable<AnalysedLayer['farms']>> {
  const none = (reason: string) => ({ alpha: null, windows: 0, shape: [], reason });
  if (kind === 'spectralConv') return none('FARMS is not defined for spectral convolutions');
  if (matrix === 'BA') return none('a product of low rank has no sub-matrices of full rank');
  const weights = await wholeWeights(layer);
  const matrices = weights.flatMap(([name, weight]) => [...matricesOf(kind, name, weight, 'taps')]);
  const { rows, columns } = matrices[0]!;
  const side = Math.min(settings.farms!.side, rows, columns);
  if (side < 2) return none('the matrix is too narrow');
  const alphaOf = (eigenvalues: Float64Array) =>
    describeSpectrum({ name: '', kind: 'linear', shape: [] }, eigenvalues, settings, { dimension: side }).spectrum
      .alpha;
  if (kind === 'linear') {
    const placement = { count: settings.farms!.perSide };
    const eigenvalues = await farmsEigenvalues(matrices[0]!, { rows: side, columns: side, placement }, solver);
    const alpha = alphaOf(eigenvalues);
    const windows = eigenvalues.length / side;
    return { alpha, windows, shape: [side, side], ...(alpha === null ? { reason: 'no fit' } : {}) };
  }
  const blocks = await farmsConvolution(matrices, 1, solver);
  const alphas = blocks.flatMap((block) => alphaOf(block) ?? []);
  const edge = Math.min(rows, columns);
  const windows = blocks.length * matrices.length;
  if (alphas.length < blocks.length) return { ...none('no fit in some blocks'), windows, shape: [edge, edge] };
  const mean = alphas.reduce((sum, alpha) => sum + alpha, 0) / alphas.length;
  return { alpha: mean, windows, shape: [edge, edge] };
}
