import { randomFor } from '../core/random.ts';
import { bestFitOf } from '../spectra/best-fit.ts';
import type { SpectraConfig } from '../spectra/config.ts';
import { describeSpectrum, unmeasurable } from '../spectra/describe.ts';
import { type FarmsAlpha, farmsOfProduct, measureFarms, withoutFarms } from '../spectra/farms.ts';
import { flagsOf } from '../spectra/flags.ts';
import { measureMetrics } from '../spectra/metrics/registry.ts';
import { compareWithRandomised } from '../spectra/randomised.ts';
import type { SpectrumSource } from '../spectra/spectrum-source.ts';
import type { AnalysedLayer } from './analysis.ts';
import { brokenWeights, type LayerWeights, spectrumOfWeights, wholeWeights } from './layer-weights.ts';
import type { WeightLayer } from './weight-source.ts';

/** The measurements to take of each layer. */
export interface AnalysisSettings extends SpectraConfig {
  /** Compare with permuted weights, drawn by this seed. */
  readonly randomise?: { readonly seed: number };
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
  const bestFit = bestFitOf(kept, floor, settings);
  const metrics = measureMetrics({ eigenvalues, kept, floor, short, long, bestFit });
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
  const farms = await farmsOf(layer, weights, settings, solver);
  return {
    ...identity,
    ...spectrum,
    flags: flagsOf({ spectrum, metrics, traps: randomised?.traps ?? null, conv1d: settings.conv1d }),
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

async function farmsOf(
  layer: WeightLayer,
  weights: LayerWeights,
  settings: AnalysisSettings,
  solver: SpectrumSource,
): Promise<FarmsAlpha | undefined> {
  const { farms } = settings;
  if (!farms) return undefined;
  if (layer.matrix === 'BA') return withoutFarms(farmsOfProduct);
  return measureFarms(layer, await wholeWeights(weights), { ...settings, farms }, solver);
}
