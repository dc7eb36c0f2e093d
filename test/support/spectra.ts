import type { LayerSpectrum } from '../../shared/spectra/spectrum.ts';

/** The spectrum of an unremarkable dense layer, but for what is given. */
export function spectrumWith(given: Partial<LayerSpectrum> & { name: string }): LayerSpectrum {
  const eigenvalues = Array.from({ length: 16 }, (_, i) => (i + 1) / 16);
  return {
    kind: 'linear',
    shape: [16, 16],
    eigenvalues,
    alpha: 3,
    xmin: 0.5,
    tail: 8,
    ksDistance: 0.1,
    spectralNorm: 1,
    frobeniusNormSquared: 8.5,
    stableRank: 8.5,
    alphaHat: 0,
    farmsAlpha: null,
    flags: given.alpha === null ? ['no alpha: every weight is zero'] : [],
    ...given,
  };
}
