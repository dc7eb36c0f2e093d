import { largest, metric } from './metric.ts';

export const alphaBestFit = metric(
  'alphaBestFit',
  'Exponent of the tail that fits a power law best (goodness of fit), whatever `--fit` says: the alpha that the thresholds 2 and 6 are about.',
  ({ bestFit }) => bestFit?.alpha ?? null,
);

export const ksDistanceBestFit = metric(
  'ksDistanceBestFit',
  'Kolmogorov-Smirnov distance of that tail to its fit.',
  ({ bestFit }) => bestFit?.ksDistance ?? null,
);

export const tailBestFit = metric(
  'tailBestFit',
  'Number of eigenvalues in that tail.',
  ({ bestFit }) => bestFit?.tail ?? null,
);

export const alphaError = metric(
  'alphaError',
  'Standard error of alphaBestFit, (alpha - 1) / sqrt(tail).',
  ({ bestFit }) => (bestFit ? (bestFit.alpha - 1) / Math.sqrt(bestFit.tail) : null),
);

export const alphaWeighted = metric(
  'alphaWeighted',
  'alphaBestFit times log10 of the largest eigenvalue: the tail and the size of the weights in one number.',
  ({ eigenvalues, bestFit }) => (bestFit ? bestFit.alpha * Math.log10(largest(eigenvalues)) : null),
);
