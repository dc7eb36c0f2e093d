import { bothEnds, type Preset } from './preset.ts';

/** TempBalance as first published. Source: Zhou et al. (NeurIPS 2023), arXiv 2312.00359. */
export const tempBalance = {
  name: 'tempBalance',
  description:
    'TempBalance (NeurIPS 2023). Each layer has its own factor: a straight line from 0.5 at the smallest alpha to 1.5 at the largest. The first and the last layer of the model keep the base rate.',
  essential: ['assignment.function'],
  settings: (kind) => ({
    fit: { method: 'median', xminPosition: 2 },
    filterZeros: false,
    assignment: { function: 'linearMap', minFactor: 0.5, maxFactor: 1.5 },
    unit: 'layer',
    minEigenvalues: kind === 'language' ? 50 : 12,
    excludeEnds: bothEnds(kind),
  }),
} as const satisfies Preset;
