import type { LayerKind } from '../tensors/layer.ts';

/** A power-law fit of a spectrum's tail. */
export interface PowerLawFit {
  /** Exponent of the density p(lambda) ~ lambda^-alpha. */
  readonly alpha: number;
  /** Smallest eigenvalue of the tail. */
  readonly xmin: number;
  /** Number of eigenvalues in the tail. */
  readonly tail: number;
  /** Kolmogorov-Smirnov distance between tail and fit. */
  readonly ksDistance: number;
}

/** A layer's eigenvalues, and what is measured of all of them. Where a number means nothing it is null and `flags` says why. */
export interface FittedSpectrum {
  readonly name: string;
  readonly kind: LayerKind;
  /** Shape of the weight tensor (of the first one, where several are pooled). */
  readonly shape: readonly number[];
  /** Squared singular values, ascending, unfiltered. */
  readonly eigenvalues: readonly number[];
  readonly alpha: number | null;
  readonly xmin: number | null;
  readonly tail: number | null;
  readonly ksDistance: number | null;
  /** Largest eigenvalue. */
  readonly spectralNorm: number | null;
  readonly frobeniusNormSquared: number | null;
  readonly stableRank: number | null;
  /** alpha * log10(spectralNorm) */
  readonly alphaHat: number | null;
  /** Plain-language remarks: why a number is null, or why it should be doubted. */
  readonly flags: readonly string[];
}

/** All measurements of one layer. */
export interface LayerSpectrum extends FittedSpectrum {
  /** Alpha by FARMS; null where the settings don't ask for it, or where `flags` says why. */
  readonly farmsAlpha: number | null;
  /** What computed the eigenvalues, where that is not what the run has on record. */
  readonly solver?: string;
}

/** The spectra of a model's layers: the content of `spectra.json`. */
export interface SpectraReport {
  readonly layers: readonly LayerSpectrum[];
  readonly summary: {
    readonly analysed: number;
    /** Over the layers with a fit; null when there is none. */
    readonly alphaMean: number | null;
    /** Population standard deviation of alpha over layers. */
    readonly alphaStd: number | null;
  };
}
