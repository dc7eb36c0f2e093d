import type { Preset } from './preset.ts';

/** Layer-wise rates that only ever raise the base rate, early in training. Source: LLR (ICML 2026), arXiv 2605.22297. */
export const llr = {
  name: 'llr',
  description:
    'LLR (ICML 2026): a straight line from 1 at the smallest alpha to 3 at the largest, every 40 steps of the first fifth of training, moved over 20 steps; embeddings and heads, which have no spectrum, get the largest factor. The authors take 3 to 5, every 40 to 100 steps.',
  essential: ['assignment.function', 'target'],
  settings: (kind) => ({
    fit: { method: 'median', xminPosition: 2 },
    filterZeros: false,
    assignment: { function: 'linearMap', minFactor: 1, maxFactor: 3 },
    unit: 'layer',
    target: 'learningRate',
    every: { steps: 40 },
    until: { share: 0.2 },
    rampSteps: 20,
    unmeasured: 'largestFactor',
    minEigenvalues: kind === 'language' ? 50 : 12,
  }),
} as const satisfies Preset;
