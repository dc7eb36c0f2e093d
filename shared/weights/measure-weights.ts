/** The spectra of a checkpoint's layers as a run takes them, without holding more than a few layers in memory. */
import { analyseLayer } from '../spectra/analyse.ts';
import type { SpectraConfig } from '../spectra/config.ts';
import { layerFlops, layerSize } from '../spectra/cost.ts';
import { describeSpectrum, unmeasurable } from '../spectra/describe.ts';
import { mergeShards, workThroughShards } from '../spectra/shards.ts';
import type { LayerSpectrum } from '../spectra/spectrum.ts';
import type { SpectrumSource } from '../spectra/spectrum-source.ts';
import { brokenWeights, memoryOf, openLayerWeights, spectrumOfWeights, wholeWeights } from './layer-weights.ts';
import type { WeightLayer, WeightSource } from './weight-source.ts';

/** Weights that may be in memory at a time, unless a single layer has more. */
const bytesInFlight = 192 * 2 ** 20;

/** Progress and cancellation of a measurement. */
export interface MeasureOptions {
  /** Told when a layer is begun; `done` of `total` weights are measured by then. */
  readonly onProgress?: (progress: { readonly layer: string; readonly done: number; readonly total: number }) => void;
  /** No layer is begun after it, and the measurement is rejected with its reason. */
  readonly signal?: AbortSignal | undefined;
}

const sizeOf = (layer: WeightLayer, config: SpectraConfig) => layerSize(layer, () => layer.shape, config);

/** Floating-point operations of measuring these layers, by which a solver is chosen. */
export const measuringFlops = (layers: readonly WeightLayer[], config: SpectraConfig): number =>
  layers.reduce((sum, layer) => sum + layerFlops(sizeOf(layer, config)), 0);

/**
 * Measures layers of a checkpoint as a run measures those of its model. The result has them in their order.
 * @throws UserError when a weight can't be read, or hasn't the shape of its kind of layer.
 */
export async function measureWeights(
  source: Pick<WeightSource, 'read' | 'openRows'>,
  layers: readonly WeightLayer[],
  config: SpectraConfig,
  solver: SpectrumSource,
  { onProgress = () => {}, signal }: MeasureOptions = {},
): Promise<LayerSpectrum[]> {
  const total = layers.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const parts = await workThroughShards(
    layers.map((layer) => ({ ...sizeOf(layer, config), layer })),
    { workers: solver.concurrency ?? 1, weight: bytesInFlight, weigh: ({ layer }) => memoryOf(layer) },
    async ({ layer }) => {
      signal?.throwIfAborted();
      onProgress({ layer: layer.name, done, total });
      const spectrum = await measureLayer(source, layer, config, solver);
      done += layer.size;
      return spectrum;
    },
  );
  return mergeShards(layers, parts);
}

async function measureLayer(
  source: Pick<WeightSource, 'read' | 'openRows'>,
  layer: WeightLayer,
  config: SpectraConfig,
  solver: SpectrumSource,
): Promise<LayerSpectrum> {
  // What is read of an update is a small matrix with its spectrum.
  const identity = { name: layer.name, kind: layer.kind, shape: layer.shape };
  const weights = await openLayerWeights(source, layer);
  if ('weights' in weights || config.farms) {
    return { ...(await analyseLayer(layer, await wholeWeights(weights), config, solver)), shape: layer.shape };
  }
  const broken = brokenWeights(weights);
  if (broken.length > 0) {
    return { ...unmeasurable(identity, `holds NaN or infinite weights: ${broken.join(', ')}`), farmsAlpha: null };
  }
  const { eigenvalues, dimension } = await spectrumOfWeights(layer.kind, weights, config.conv1d, solver);
  return { ...describeSpectrum(identity, eigenvalues, config, { dimension }).spectrum, farmsAlpha: null };
}
