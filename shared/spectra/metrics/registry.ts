import type { MetricInput } from './metric.ts';
import { logAlphaNorm, logNorm, logSpectralNorm } from './norms.ts';
import {
  aspectRatio,
  eigenvalueRatio,
  matrixEntropy,
  matrixRank,
  normStableRank,
  normStableRankTopHalf,
  softRank,
  stableRankTopHalf,
} from './ranks.ts';
import { alphaBestFit, alphaError, alphaWeighted, ksDistanceBestFit, tailBestFit } from './tail.ts';

/** Every number that is reported of a spectrum besides the fit that was asked for. */
export const spectrumMetrics = [
  alphaBestFit,
  ksDistanceBestFit,
  tailBestFit,
  alphaError,
  alphaWeighted,
  logAlphaNorm,
  logNorm,
  logSpectralNorm,
  aspectRatio,
  matrixRank,
  matrixEntropy,
  softRank,
  normStableRank,
  eigenvalueRatio,
  stableRankTopHalf,
  normStableRankTopHalf,
] as const;

export type MetricName = (typeof spectrumMetrics)[number]['name'];
export type MetricValues = Readonly<Record<MetricName, number | null>>;

/** All metrics of one spectrum, by name. */
export function measureMetrics(input: MetricInput): MetricValues {
  return Object.fromEntries(spectrumMetrics.map(({ name, measure }) => [name, measure(input)])) as MetricValues;
}
