import { bothEnds, type Preset } from './preset.ts';

/** Weight decay by alpha. Source: He et al., AlphaDecay (NeurIPS 2025), arXiv 2506.14562. */
export const alphaDecay = {
  name: 'alphaDecay',
  description:
    'AlphaDecay (NeurIPS 2025). It balances the weight decay, not the learning rate. The factor is a straight line from 0.667 at the smallest alpha to 5 at the largest, set every 500 steps. The first and the last layer of the model keep the base decay.',
  essential: ['target'],
  settings: (kind) => ({
    fit: { method: 'median', xminPosition: 2 },
    filterZeros: false,
    assignment: { function: 'linearMap', minFactor: 0.6666, maxFactor: 5 },
    unit: 'layer',
    target: 'weightDecay',
    every: { steps: 500 },
    minEigenvalues: kind === 'language' ? 50 : 12,
    excludeEnds: bothEnds(kind),
  }),
} as const satisfies Preset;
