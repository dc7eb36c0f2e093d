import type { Layer } from '../tensors/layer.ts';
import type { HostTensor } from '../tensors/tensor.ts';
import type { SpectraConfig } from './config.ts';
import { type EigenvalueSolver, noiseFloor } from './eigenvalues.ts';
import { tailChooser } from './fits/registry.ts';
import { matricesOf } from './matrices.ts';
import { fitPowerLaw, type Refusal } from './power-law.ts';
import type { LayerSpectrum, PowerLawFit, SpectraReport } from './spectrum.ts';

/** Eigenvalues at or below this count as zero; the published code's threshold. */
const zeroThreshold = 1e-5;

/**
 * Measures every layer, one at a time. Spectral convolutions are left out unless the configuration asks for them.
 * @throws UserError when a weight hasn't the shape of its kind of layer.
 */
export async function analyseLayers(
  layers: readonly Layer[],
  read: (name: string) => Promise<HostTensor>,
  config: SpectraConfig,
  solver: EigenvalueSolver,
): Promise<SpectraReport> {
  const analysed: LayerSpectrum[] = [];
  for (const layer of layers) {
    if (layer.kind === 'spectralConv' && !config.spectralWeights) continue;
    const weights: [name: string, weight: HostTensor][] = [];
    for (const name of layer.weights) weights.push([name, await read(name)]);
    analysed.push(analyseLayer(layer, weights, config, solver));
  }
  return spectraReport(analysed);
}

/** The report over layers that were measured together or in parts. */
export function spectraReport(layers: readonly LayerSpectrum[]): SpectraReport {
  const alphas = layers.flatMap(({ alpha }) => alpha ?? []);
  const mean = alphas.reduce((sum, alpha) => sum + alpha, 0) / alphas.length;
  const variance = alphas.reduce((sum, alpha) => sum + (alpha - mean) ** 2, 0) / alphas.length;
  const none = alphas.length === 0;
  return {
    layers,
    summary: {
      analysed: layers.length,
      alphaMean: none ? null : mean,
      alphaStd: none ? null : Math.sqrt(variance),
    },
  };
}

/** Measures one layer from its weights. */
export function analyseLayer(
  layer: Layer,
  weights: readonly (readonly [name: string, weight: HostTensor])[],
  config: SpectraConfig,
  solver: EigenvalueSolver,
): LayerSpectrum {
  const { name, kind } = layer;
  const identity = { name, kind, shape: weights[0]?.[1].shape ?? [] };
  const broken = weights.filter(([, { data }]) => !data.every(Number.isFinite)).map(([weight]) => weight);
  if (broken.length > 0) return unmeasurable(identity, `holds NaN or infinite weights: ${broken.join(', ')}`);
  const { eigenvalues, dimension } = pooledSpectrum(layer, weights, solver);
  const largest = eigenvalues.at(-1) ?? 0;
  if (largest === 0) return { ...unmeasurable(identity, 'every weight is zero'), eigenvalues: [...eigenvalues] };

  const floor = noiseFloor(dimension, largest);
  const kept = config.filterZeros ? withoutZeros(eigenvalues, kind, floor) : eigenvalues;
  const fit = fitAboveNoise(kept, floor, config);
  const refused = 'refused' in fit;
  return {
    ...identity,
    eigenvalues: [...eigenvalues],
    alpha: refused ? null : fit.alpha,
    xmin: refused ? null : fit.xmin,
    tail: refused ? null : fit.tail,
    ksDistance: refused ? null : fit.ksDistance,
    spectralNorm: largest,
    frobeniusNormSquared: sum(eigenvalues),
    stableRank: sum(kept) / largest,
    alphaHat: refused ? null : fit.alpha * Math.log10(largest),
    flags: refused ? [`no alpha: ${fit.refused}`] : [],
  };
}

function pooledSpectrum(
  { kind }: Layer,
  weights: readonly (readonly [name: string, weight: HostTensor])[],
  solver: EigenvalueSolver,
): { eigenvalues: Float64Array; dimension: number } {
  const pool: number[] = [];
  let dimension = 0;
  for (const [name, weight] of weights) {
    for (const { rows, columns, data, multiplicity } of matricesOf(kind, name, weight)) {
      const eigenvalues = solver.squaredSingularValues(rows, columns, data);
      for (let i = 0; i < eigenvalues.length; i += multiplicity) pool.push(eigenvalues[i]!);
      dimension = Math.max(dimension, rows, columns);
    }
  }
  return { eigenvalues: Float64Array.from(pool).sort(), dimension };
}

/**
 * The published threshold is absolute; the spectral weights of a neural operator are so small by design that it would cut
 * into their bulk, so theirs is the noise floor alone, as it is where the published threshold would leave nothing.
 */
function withoutZeros(eigenvalues: Float64Array, kind: Layer['kind'], floor: number): Float64Array {
  const threshold = kind === 'spectralConv' ? floor : Math.max(zeroThreshold, floor);
  const kept = eigenvalues.filter((eigenvalue) => eigenvalue > threshold);
  return kept.length > 0 ? kept : eigenvalues.filter((eigenvalue) => eigenvalue > floor);
}

function fitAboveNoise(eigenvalues: Float64Array, floor: number, config: SpectraConfig): PowerLawFit | Refusal {
  const fit = fitPowerLaw(eigenvalues, tailChooser(config.fit));
  if ('refused' in fit || fit.xmin > floor) return fit;
  return {
    refused: `the tail starts at ${fit.xmin.toExponential(1)}, in the rounding noise of a matrix without full rank${
      config.filterZeros ? '' : '; turn filterZeros on'
    }`,
  };
}

function unmeasurable(identity: Pick<LayerSpectrum, 'name' | 'kind' | 'shape'>, reason: string): LayerSpectrum {
  return {
    ...identity,
    eigenvalues: [],
    alpha: null,
    xmin: null,
    tail: null,
    ksDistance: null,
    spectralNorm: 0,
    frobeniusNormSquared: 0,
    stableRank: null,
    alphaHat: null,
    flags: [`no alpha: ${reason}`],
  };
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
