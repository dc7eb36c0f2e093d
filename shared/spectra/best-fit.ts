/** The fit that the thresholds of alpha belong to: of the tail that follows a power law best, whichever tail balancing takes. */
import type { SpectraConfig } from './config.ts';
import { describeSpectrum, fitAboveNoise } from './describe.ts';
import type { FittedSpectrum, PowerLawFit } from './spectrum.ts';

type Zeros = Pick<SpectraConfig, 'filterZeros'>;

/**
 * The best fit of eigenvalues (ascending), null where there is none.
 * @param floor eigenvalues up to this are noise
 */
export function bestFitOf(eigenvalues: Float64Array, floor: number, { filterZeros }: Zeros): PowerLawFit | null {
  const fit = fitAboveNoise(eigenvalues, floor, { fit: { method: 'goodnessOfFit' }, filterZeros });
  return 'refused' in fit ? null : fit;
}

/** Exponent of the best fit of a layer that was measured before, null where there is none. */
export function bestFitAlpha(layer: Pick<FittedSpectrum, 'name' | 'kind' | 'shape' | 'eigenvalues'>, zeros: Zeros) {
  const { name, kind, shape, eigenvalues } = layer;
  if (eigenvalues.length === 0) return null;
  const settings = { ...zeros, fit: { method: 'goodnessOfFit' } } as const;
  const [rows = 1, columns = 1] = shape;
  const dimension = Math.max(rows, columns) * (kind === 'spectralConv' ? 2 : 1);
  const { kept, floor } = describeSpectrum({ name, kind, shape }, Float64Array.from(eigenvalues), settings, {
    dimension,
  });
  return bestFitOf(kept, floor, zeros)?.alpha ?? null;
}
