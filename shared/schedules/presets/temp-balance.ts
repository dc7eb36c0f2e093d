import type { Preset } from './preset.ts';

/** TempBalance as first published. Source: Zhou et al. (NeurIPS 2023), arXiv 2312.00359. */
export const tempBalance = {
  name: 'tempBalance',
  description:
    'TempBalance (NeurIPS 2023): each layer by itself, a straight line from 0.5 at the smallest alpha to 1.5 at the largest.',
  essential: ['assignment.function'],
  settings: () => ({
    fit: { method: 'median', xminPosition: 2 },
    assignment: { function: 'linearMap', minFactor: 0.5, maxFactor: 1.5 },
    unit: 'layer',
  }),
} satisfies Preset;
