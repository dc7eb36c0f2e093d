import type { LayerSpectrum } from '../spectra/spectrum.ts';

/** Share of eigenvalues per unit of lambda, at the geometric middle of a bin. */
export interface DensityPoint {
  readonly lambda: number;
  readonly density: number;
}

const FEWEST_BINS = 6;
const MOST_BINS = 28;

/**
 * Empirical density of the positive eigenvalues over bins of equal width in log lambda; empty bins are left out, and
 * densities are shares of all eigenvalues, so that a power-law fit of the tail lies on the same scale.
 */
export function logDensity(eigenvalues: readonly number[], floor: number): DensityPoint[] {
  const drawn = eigenvalues.filter((lambda) => lambda > floor && Number.isFinite(lambda));
  if (drawn.length === 0) return [];
  const low = Math.log(Math.min(...drawn));
  const high = Math.log(Math.max(...drawn));
  if (high === low) return [];
  const bins = Math.max(FEWEST_BINS, Math.min(MOST_BINS, Math.ceil(2 * Math.sqrt(drawn.length))));
  const width = (high - low) / bins;
  const counts = new Array<number>(bins).fill(0);
  for (const lambda of drawn) counts[Math.min(bins - 1, Math.floor((Math.log(lambda) - low) / width))]! += 1;
  return counts.flatMap((count, bin) => {
    if (count === 0) return [];
    const left = Math.exp(low + bin * width);
    const right = Math.exp(low + (bin + 1) * width);
    return [{ lambda: Math.sqrt(left * right), density: count / (eigenvalues.length * (right - left)) }];
  });
}

/**
 * Two ends of the fitted tail, from xmin to the largest eigenvalue, on the scale of `logDensity`:
 * p(lambda) = tail / N * (alpha - 1) / xmin * (lambda / xmin)^-alpha. Empty without a fit.
 */
export function fittedTail(layer: Pick<LayerSpectrum, 'alpha' | 'xmin' | 'tail' | 'eigenvalues'>): DensityPoint[] {
  const { alpha, xmin, tail, eigenvalues } = layer;
  const largest = eigenvalues.at(-1) ?? 0;
  if (alpha === null || xmin === null || tail === null || !(xmin > 0) || !(largest > xmin) || alpha <= 1) return [];
  const at = (lambda: number) => ({
    lambda,
    density: ((tail / eigenvalues.length) * (alpha - 1) * (lambda / xmin) ** -alpha) / xmin,
  });
  return [at(xmin), at(largest)];
}

/** Below this an eigenvalue is drawn as zero, that is not at all: a millionth of a millionth of the largest. */
export function densityFloor(layers: readonly Pick<LayerSpectrum, 'eigenvalues'>[]): number {
  return 1e-12 * Math.max(0, ...layers.map(({ eigenvalues }) => eigenvalues.at(-1) ?? 0));
}
