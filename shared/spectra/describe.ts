import type { SpectraConfig } from './config.ts';
import { noiseFloor } from './eigenvalues.ts';
import { tailChooser } from './fits/registry.ts';
import { fitPowerLaw, type Refusal } from './power-law.ts';
import type { FittedSpectrum, PowerLawFit } from './spectrum.ts';

/** Eigenvalues at or below this count as zero; the published code's threshold. */
const zeroThreshold = 1e-5;

/** A power law through fewer points than this can have any exponent. */
export const smallestTail = 3;

type Identity = Pick<FittedSpectrum, 'name' | 'kind' | 'shape'>;

/** A described spectrum with what metrics need besides. */
export interface DescribedSpectrum {
  readonly spectrum: FittedSpectrum;
  /** The eigenvalues that were fitted, ascending. */
  readonly kept: Float64Array;
  /** Eigenvalues at or below this are noise. */
  readonly floor: number;
}

/** Facts about a spectrum besides its eigenvalues. */
export interface SpectrumOrigin {
  /** Longest side of the matrices. */
  readonly dimension: number;
  /** Of a difference of stored weights: eigenvalues up to this can come from rounding them alone. */
  readonly storageFloor?: number | undefined;
}

/** Fits a layer's eigenvalues (ascending) and takes its norms. */
export function describeSpectrum(
  identity: Identity,
  eigenvalues: Float64Array,
  config: Pick<SpectraConfig, 'fit' | 'filterZeros'>,
  { dimension, storageFloor }: SpectrumOrigin,
): DescribedSpectrum {
  const largest = eigenvalues.at(-1) ?? 0;
  const nothing = (spectrum: FittedSpectrum) => ({ spectrum, kept: new Float64Array(), floor: 0 });
  if (largest === 0) {
    const reason = storageFloor === undefined ? allZero : 'nothing changed';
    return nothing({ ...unmeasurable(identity, reason, eigenvalues), spectralNorm: 0, frobeniusNormSquared: 0 });
  }
  if (largest === Number.POSITIVE_INFINITY) {
    return nothing(unmeasurable(identity, 'the weights are so large that their squares are beyond float64'));
  }
  const floor = Math.max(noiseFloor(dimension, largest), storageFloor ?? 0);
  const threshold =
    storageFloor === undefined && identity.kind !== 'spectralConv' ? Math.max(zeroThreshold, floor) : floor;
  const kept = config.filterZeros ? above(eigenvalues, threshold, floor) : eigenvalues;
  const fit = kept.length === 0 ? nothingAbove(floor) : fitAboveNoise(kept, floor, config);
  const refused = 'refused' in fit;
  const spectrum: FittedSpectrum = {
    ...identity,
    eigenvalues: [...eigenvalues],
    alpha: refused ? null : fit.alpha,
    xmin: refused ? null : fit.xmin,
    tail: refused ? null : fit.tail,
    ksDistance: refused ? null : fit.ksDistance,
    spectralNorm: largest,
    frobeniusNormSquared: sum(eigenvalues),
    stableRank: kept.length === 0 ? null : sum(kept) / largest,
    alphaHat: refused ? null : fit.alpha * Math.log10(largest),
    flags: refused ? [`no alpha: ${fit.refused}`] : [],
  };
  return { spectrum, kept, floor };
}

const allZero = 'every weight is zero, or so small that its square is';

const nothingAbove = (floor: number): Refusal => ({
  refused: `nothing rises above ${floor.toExponential(1)}, which rounding the stored weights can explain`,
});

/** The spectrum of a layer that can't be measured, with the reason. */
export function unmeasurable(identity: Identity, reason: string, eigenvalues: Iterable<number> = []): FittedSpectrum {
  return {
    ...identity,
    eigenvalues: [...eigenvalues],
    alpha: null,
    xmin: null,
    tail: null,
    ksDistance: null,
    spectralNorm: null,
    frobeniusNormSquared: null,
    stableRank: null,
    alphaHat: null,
    flags: [`no alpha: ${reason}`],
  };
}

/** A fit of the tail, refused where it would start among eigenvalues that are noise, or has too few of them. */
export function fitAboveNoise(
  eigenvalues: Float64Array,
  floor: number,
  config: Pick<SpectraConfig, 'fit' | 'filterZeros'>,
): PowerLawFit | Refusal {
  const fit = fitPowerLaw(eigenvalues, tailChooser(config.fit));
  if ('refused' in fit) return fit;
  if (fit.tail < smallestTail) {
    return { refused: `a tail of ${fit.tail} eigenvalues is too short for a power law, which takes ${smallestTail}` };
  }
  if (fit.xmin > floor) return fit;
  return {
    refused: `the tail starts at ${fit.xmin.toExponential(1)}, in the rounding noise of a matrix without full rank${
      config.filterZeros ? '' : '; turn filterZeros on'
    }`,
  };
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
