import type { PowerLawFit } from './spectrum.ts';

/** Why there is no fit, in plain language. */
export interface Refusal {
  readonly refused: string;
}

/** Eigenvalues, ascending, with what every fit needs of them. */
export interface Tails {
  readonly eigenvalues: Float64Array;
  /** Natural logarithms; -Infinity for 0. */
  readonly logs: Float64Array;
  /** `logSums[i]` is the sum of `logs[j]` over j >= i. */
  readonly logSums: Float64Array;
}

/** Index of the first eigenvalue of the tail. */
export type ChooseTail = (tails: Tails) => number | Refusal;

/** An exponent above this means a tail of equal eigenvalues: what is left of its width is rounding noise. */
const largestMeaningfulAlpha = 1e5;

/** Hill estimate of the exponent of the tail that starts at `start`; not finite when the tail is all equal or holds zeros. */
function hillAlpha({ eigenvalues, logs, logSums }: Tails, start: number): number {
  const tail = eigenvalues.length - start;
  return 1 + tail / (logSums[start]! - tail * logs[start]!);
}

/**
 * Kolmogorov-Smirnov distance of the tail to its fit, max over j of |1 - (x_j / xmin)^(1 - alpha) - j / n|;
 * at `giveUpAt` or above the exact value doesn't matter and the search for the maximum ends.
 */
function ksDistance({ logs }: Tails, start: number, alpha: number, giveUpAt = Number.POSITIVE_INFINITY): number {
  const tail = logs.length - start;
  const origin = logs[start]!;
  let distance = 0;
  for (let j = 0; j < tail && distance < giveUpAt; j++) {
    distance = Math.max(distance, Math.abs(1 - Math.exp((1 - alpha) * (logs[start + j]! - origin)) - j / tail));
  }
  return distance;
}

/** The candidate with the smallest Kolmogorov-Smirnov distance among those with alpha > 1; the first on ties. */
export function nearestToPowerLaw(tails: Tails, candidates: Iterable<number>): number | undefined {
  let best: number | undefined;
  let smallest = Number.POSITIVE_INFINITY;
  for (const start of candidates) {
    const alpha = hillAlpha(tails, start);
    if (!(alpha > 1 && Number.isFinite(alpha))) continue;
    const distance = ksDistance(tails, start, alpha, smallest);
    if (distance < smallest) {
      smallest = distance;
      best = start;
    }
  }
  return best;
}

/** Fits a power law to the tail that `chooseTail` picks of `eigenvalues` (ascending, none negative), or says why not. */
export function fitPowerLaw(eigenvalues: Float64Array, chooseTail: ChooseTail): PowerLawFit | Refusal {
  if (eigenvalues.length === 0) return { refused: 'there is no eigenvalue to fit' };
  if (eigenvalues.length === 1) return { refused: 'one eigenvalue is too few for a power-law fit' };
  const tails = tailsOf(eigenvalues);
  const start = chooseTail(tails);
  if (typeof start !== 'number') return start;
  if (tails.eigenvalues[start] === 0) return { refused: 'the tail starts among eigenvalues that are zero' };
  const alpha = hillAlpha(tails, start);
  if (!Number.isFinite(alpha) || Math.abs(alpha) > largestMeaningfulAlpha) return { refused: equalEigenvalues };
  return {
    alpha,
    xmin: eigenvalues[start]!,
    tail: eigenvalues.length - start,
    ksDistance: ksDistance(tails, start, alpha),
  };
}

/** The refusal of a spectrum without width. */
export const equalEigenvalues = 'the eigenvalues of the tail are all equal, so no power law describes them';

function tailsOf(eigenvalues: Float64Array): Tails {
  const logs = eigenvalues.map(Math.log);
  const logSums = new Float64Array(logs.length);
  let sum = 0;
  for (let i = logs.length - 1; i >= 0; i--) {
    sum += logs[i]!;
    logSums[i] = sum;
  }
  return { eigenvalues, logs, logSums };
}
