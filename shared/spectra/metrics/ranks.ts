import { largest, metric, total } from './metric.ts';

export const aspectRatio = metric(
  'aspectRatio',
  'Longer side of the matrix over its shorter side.',
  ({ short, long }) => long / short,
);

export const matrixRank = metric(
  'matrixRank',
  'Number of eigenvalues above rounding noise, (longer side) * 2.2e-16 * largest; of a change W - W0 above the rounding of the stored weights.',
  ({ eigenvalues, floor }) => rankAbove(eigenvalues, floor),
);

export const matrixEntropy = metric(
  'matrixEntropy',
  'Entropy of the eigenvalues as shares of their sum, over the log of the rank: 1 when all are equal, 0 when one has it all.',
  ({ eigenvalues, floor }) => {
    const rank = rankAbove(eigenvalues, floor);
    if (rank < 2) return null;
    const sum = total(eigenvalues);
    let entropy = 0;
    for (const eigenvalue of eigenvalues) {
      const share = eigenvalue / sum + entropyOffset;
      entropy -= share * Math.log(share);
    }
    return entropy / Math.log(rank + entropyOffset);
  },
);

export const softRank = metric(
  'softRank',
  'Upper edge of the Marchenko-Pastur law of random weights of the same size, over the largest eigenvalue: about 1 for random weights, near 0 where few directions dominate.',
  ({ eigenvalues, short, long }) => {
    const edge = (1 + Math.sqrt(short / long)) ** 2;
    return (edge * total(eigenvalues)) / eigenvalues.length / largest(eigenvalues);
  },
);

export const normStableRank = metric(
  'normStableRank',
  'Sum of the eigenvalues (zeros filtered out) over their number: their mean.',
  ({ kept }) => total(kept) / kept.length,
);

export const eigenvalueRatio = metric(
  'eigenvalueRatio',
  'Largest eigenvalue over the median one.',
  ({ kept, floor }) => {
    const middle = kept[Math.floor(kept.length / 2)] ?? 0;
    return middle > floor ? largest(kept) / middle : null;
  },
);

export const stableRankTopHalf = metric(
  'stableRankTopHalf',
  'Stable rank of the upper half of the eigenvalues alone.',
  ({ kept }) => total(topHalf(kept)) / largest(kept),
);

export const normStableRankTopHalf = metric(
  'normStableRankTopHalf',
  'Mean of the upper half of the eigenvalues.',
  ({ kept }) => total(topHalf(kept)) / topHalf(kept).length,
);

/** Added to shares and rank by WeightWatcher, whose numbers these are. */
const entropyOffset = 1e-10;

const topHalf = (eigenvalues: Float64Array) => eigenvalues.subarray(Math.floor(eigenvalues.length / 2));

function rankAbove(eigenvalues: Float64Array, floor: number): number {
  let rank = 0;
  for (const eigenvalue of eigenvalues) if (eigenvalue > floor) rank++;
  return rank;
}
