import type { LayerKind } from '../tensors/layer.ts';
import type { SpectraConfig } from './config.ts';
import { noiseFloor } from './eigenvalues.ts';
import { tailChooser } from './fits/registry.ts';
import { fitPowerLaw, type Refusal } from './power-law.ts';
import type { LayerSpectrum, PowerLawFit } from './spectrum.ts';

/** Eigenvalues at or below this count as zero; the published code's threshold. */
const zeroThreshold = 1e-5;

type Identity = Pick<LayerSpectrum, 'name' | 'kind' | 'shape'>;

/** A described spectrum with what metrics need besides. */
export interface DescribedSpectrum {
  readonly spectrum: LayerSpectrum;
  /** The eigenvalues that were fitted, ascending. */
  readonly kept: Float64Array;
  /** Eigenvalues at or below this are noise. */
  readonly floor: number;
}

/**
 * Fits a layer's eigenvalues (ascending) and takes its norms. `dimension` is the longest side of its matrices. A matrix
 * that is the difference of stored weights has a floor of its own: what rounding them alone would leave.
 */
export function describeSpectrum(
  identity: Identity,
  eigenvalues: Float64Array,
  config: Pick<SpectraConfig, 'fit' | 'filterZeros'>,
  { dimension, storageFloor }: { dimension: number; storageFloor?: number },
): DescribedSpectrum {
  const largest = eigenvalues.at(-1) ?? 0;
  if (largest === 0) {
    return {
      spectrum: unmeasurable(identity, 'every weight is zero', eigenvalues),
      kept: new Float64Array(),
      floor: 0,
    };
  }
  const floor = Math.max(noiseFloor(dimension, largest), storageFloor ?? 0);
  const threshold =
    storageFloor === undefined && identity.kind !== 'spectralConv' ? Math.max(zeroThreshold, floor) : floor;
  const kept = config.filterZeros ? above(eigenvalues, threshold, floor) : eigenvalues;
  const fit = fitAboveNoise(kept, floor, config);
  const refused = 'refused' in fit;
  const spectrum: LayerSpectrum = {
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
  return { spectrum, kept, floor };
}

/** The spectrum of a layer that can't be measured, with the reason. */
export function unmeasurable(identity: Identity, reason: string, eigenvalues: Iterable<number> = []): LayerSpectrum {
  return {
    ...identity,
    eigenvalues: [...eigenvalues],
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

/** A fit of the tail, refused where it would start among eigenvalues that are noise. */
export function fitAboveNoise(
  eigenvalues: Float64Array,
  floor: number,
  config: Pick<SpectraConfig, 'fit' | 'filterZeros'>,
): PowerLawFit | Refusal {
  const fit = fitPowerLaw(eigenvalues, tailChooser(config.fit));
  if ('refused' in fit || fit.xmin > floor) return fit;
  return {
    refused: `the tail starts at ${fit.xmin.toExponential(1)}, in the rounding noise of a matrix without full rank${
      config.filterZeros ? '' : '; turn filterZeros on'
    }`,
  };
}

/**
 * What rounding stored weights to `bits` of fraction would add to the eigenvalues of their difference: the edge of a
 * random matrix whose entries are rounding errors (uniform, so a third of half a unit in the last place, squared).
 */
export function roundingFloor(shape: readonly number[], kind: LayerKind, meanSquare: number, bits: number): number {
  const [rows = 1, columns = 1] = shape;
  const scale = kind === 'conv1d' || kind === 'conv2d' ? 0.5 : 1;
  return (scale * 2 * meanSquare * 4 ** -bits * (Math.sqrt(rows) + Math.sqrt(columns)) ** 2) / 3;
}

function above(eigenvalues: Float64Array, threshold: number, floor: number): Float64Array {
  const kept = eigenvalues.filter((eigenvalue) => eigenvalue > threshold);
  return kept.length > 0 ? kept : eigenvalues.filter((eigenvalue) => eigenvalue > floor);
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
