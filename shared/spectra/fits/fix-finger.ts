import { z } from 'zod';
import { equalEigenvalues, nearestToPowerLaw } from '../power-law.ts';
import type { FitMethod } from './fit-method.ts';

const configSchema = z.strictObject({
  method: z
    .literal('fixFinger')
    .describe('The tail with the best fit among those that start near the peak of the log-spectrum.'),
});

const bins = 100;

/** Left edge of the fullest of 100 equal bins of log10(eigenvalue); the first on ties; undefined without width. */
function peakEdge(eigenvalues: Float64Array): number | undefined {
  const logs = eigenvalues.map(Math.log10);
  const low = logs[0]!;
  const width = logs[logs.length - 1]! - low;
  if (!(width > 0)) return undefined;
  const counts = new Uint32Array(bins);
  for (const log of logs) counts[Math.min(Math.floor(((log - low) / width) * bins), bins - 1)]!++;
  return 10 ** (low + (counts.indexOf(Math.max(...counts)) / bins) * width);
}

/** WeightWatcher's fix-finger: xmin within [0.95, 1.5] times the spectrum's peak p. */
export const fixFinger = {
  name: 'fixFinger',
  configSchema,
  chooseTail: () => (tails) => {
    const { eigenvalues } = tails;
    if (eigenvalues[0] === 0) {
      return { refused: 'the peak of a log-spectrum with zero eigenvalues is undefined; turn filterZeros on' };
    }
    const peak = peakEdge(eigenvalues);
    if (peak === undefined) return { refused: equalEigenvalues };
    const candidates: number[] = [];
    for (let i = 0; i < eigenvalues.length - 1; i++) {
      if (eigenvalues[i]! >= 0.95 * peak && eigenvalues[i]! <= 1.5 * peak) candidates.push(i);
    }
    return nearestToPowerLaw(tails, candidates) ?? { refused: 'no power law fits near the peak of the spectrum' };
  },
} satisfies FitMethod<z.output<typeof configSchema>>;
