import { largest, metric, total } from './metric.ts';

export const logNorm = metric(
  'logNorm',
  'log10 of the sum of all eigenvalues, the squared Frobenius norm: the overall size of the weights.',
  ({ eigenvalues }) => Math.log10(total(eigenvalues)),
);

export const logSpectralNorm = metric(
  'logSpectralNorm',
  'log10 of the largest eigenvalue: how much the layer can amplify its input.',
  ({ eigenvalues }) => Math.log10(largest(eigenvalues)),
);

export const logAlphaNorm = metric(
  'logAlphaNorm',
  'log10 of the sum of eigenvalues, each to the power alphaBestFit: a norm that weighs large eigenvalues by the tail.',
  ({ eigenvalues, bestFit }) => (bestFit ? logSumOfPowers(eigenvalues, bestFit.alpha) : null),
);

/** log10 of sum lambda^exponent, without overflow. */
function logSumOfPowers(eigenvalues: Float64Array, exponent: number): number {
  const top = Math.log(largest(eigenvalues)) * exponent;
  let sum = 0;
  for (const eigenvalue of eigenvalues) {
    if (eigenvalue > 0) sum += Math.exp(exponent * Math.log(eigenvalue) - top);
  }
  return (top + Math.log(sum)) / Math.LN10;
}
