import { wholeOfBlocks } from '../tensors/diagonal-blocks.ts';
import type { Layer } from '../tensors/layer.ts';
import { allFinite, type WeightTensor } from '../tensors/tensor.ts';
import { wholeOfTucker } from '../tensors/tucker.ts';
import type { SpectraConfig } from './config.ts';
import { layerBytes, layerFlops, layerSize } from './cost.ts';
import { describeSpectrum, unmeasurable } from './describe.ts';
import { measureFarms } from './farms.ts';
import { pooledSpectrum } from './pooled-spectrum.ts';
import { mergeShards, workThroughShards } from './shards.ts';
import type { LayerSpectrum, SpectraReport } from './spectrum.ts';
import type { SpectrumSource } from './spectrum-source.ts';

/** Shape of a weight, where it is known before it is read. */
export type ShapeOf = (weight: string) => readonly number[] | undefined;

/** Begins the flag that says why a layer has no alpha by FARMS. */
export const noFarms = 'no farmsAlpha';

/** Weights that may be in memory at a time, unless a single layer has more. */
const bytesInFlight = 256 * 2 ** 20;

/** The layers that a configuration wants measured: spectral convolutions only where it asks for them. */
export const analysedLayers = (layers: readonly Layer[], { spectralWeights }: Pick<SpectraConfig, 'spectralWeights'>) =>
  layers.filter(({ kind }) => kind !== 'spectralConv' || spectralWeights);

/** Floating-point operations of measuring these layers. */
export function analysisFlops(layers: readonly Layer[], config: SpectraConfig, shapeOf: ShapeOf): number {
  return analysedLayers(layers, config).reduce((sum, layer) => sum + layerFlops(layerSize(layer, shapeOf, config)), 0);
}

/**
 * Measures the layers that the configuration wants, as a report.
 * @throws UserError when a weight hasn't the shape of its kind of layer.
 */
export async function analyseLayers(
  layers: readonly Layer[],
  read: (name: string) => Promise<WeightTensor>,
  config: SpectraConfig,
  source: SpectrumSource,
  shapeOf: ShapeOf = () => undefined,
): Promise<SpectraReport> {
  return spectraReport(await measureLayers(analysedLayers(layers, config), read, config, source, shapeOf));
}

/**
 * Measures each of these layers in as many shards as the source works on, of equal cost where shapes are known beforehand.
 * The result has them in their order, and is the same to the bit however they were shared out.
 * @throws UserError when a weight hasn't the shape of its kind of layer.
 */
export async function measureLayers(
  layers: readonly Layer[],
  read: (name: string) => Promise<WeightTensor>,
  config: SpectraConfig,
  source: SpectrumSource,
  shapeOf: ShapeOf,
): Promise<LayerSpectrum[]> {
  const sized = layers.map((layer) => ({ ...layerSize(layer, shapeOf, config), layer }));
  const limit = { workers: source.concurrency ?? 1, weight: bytesInFlight, weigh: layerBytes };
  const parts = await workThroughShards(sized, limit, async ({ layer }) => {
    const weights: [name: string, weight: WeightTensor][] = [];
    for (const name of layer.weights) weights.push([name, await read(name)]);
    return analyseLayer(layer, weights, config, source);
  });
  return mergeShards(layers, parts);
}

/** The report over layers that were measured together or in parts. */
export const spectraReport = (layers: readonly LayerSpectrum[]): SpectraReport => ({
  layers,
  summary: spectraSummary(layers),
});

/** Mean and spread of alpha over layers. */
export function spectraSummary(layers: readonly Pick<LayerSpectrum, 'alpha'>[]): SpectraReport['summary'] {
  const alphas = layers.flatMap(({ alpha }) => alpha ?? []);
  const mean = alphas.reduce((sum, alpha) => sum + alpha, 0) / alphas.length;
  const variance = alphas.reduce((sum, alpha) => sum + (alpha - mean) ** 2, 0) / alphas.length;
  const none = alphas.length === 0;
  return {
    analysed: layers.length,
    alphaMean: none ? null : mean,
    alphaStd: none ? null : Math.sqrt(variance),
  };
}

/** Measures one layer from its weights. */
export async function analyseLayer(
  layer: Layer,
  weights: readonly (readonly [name: string, weight: WeightTensor])[],
  config: SpectraConfig,
  source: SpectrumSource,
): Promise<LayerSpectrum> {
  if (layer.factors) return analyseLayer(...wholeLayer(layer, weights), config, source);
  const { name, kind } = layer;
  const identity = { name, kind, shape: weights[0]?.[1].shape ?? [] };
  const broken = weights.filter(([, { data }]) => !allFinite(data)).map(([weight]) => weight);
  if (broken.length > 0) {
    return { ...unmeasurable(identity, `holds NaN or infinite weights: ${broken.join(', ')}`), farmsAlpha: null };
  }
  const { eigenvalues, dimension } = await pooledSpectrum(kind, weights, config.conv1d, source);
  const { spectrum } = describeSpectrum(identity, eigenvalues, config, { dimension });
  const { farms } = config;
  if (!farms || !spectrum.spectralNorm) return { ...spectrum, farmsAlpha: null };
  const { alpha, reason } = await measureFarms(layer, weights, { ...config, farms }, source);
  const flags = reason === undefined ? spectrum.flags : [...spectrum.flags, `${noFarms}: ${reason}`];
  return { ...spectrum, flags, farmsAlpha: alpha };
}

type NamedWeights = readonly (readonly [name: string, weight: WeightTensor])[];

/** A spectral convolution that is stored as factors, with its whole weight. */
function wholeLayer(
  { name, kind, factors: stored }: Layer,
  weights: NamedWeights,
): [layer: Layer, weights: NamedWeights] {
  if (stored === 'blocks') {
    const whole = weights.map(([weight, tensor]) => [weight, wholeOfBlocks(tensor)] as const);
    return [{ name, kind, weights: whole.map(([weight]) => weight) }, whole];
  }
  const [[first, core], ...factors] = weights as [NamedWeights[number], ...NamedWeights];
  const whole = wholeOfTucker(
    core,
    factors.map(([, factor]) => factor),
  );
  return [{ name, kind, weights: [first] }, [[first, whole]]];
}
