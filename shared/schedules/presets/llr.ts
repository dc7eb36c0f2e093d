import type { Preset } from './preset.ts';

/** Layer-wise rates that only ever raise the base rate, early in training. Source: LLR (ICML 2026), arXiv 2605.22297. */
export const llr = {
  name: 'llr',
  description:
    'LLR (ICML 2026). The factor is a straight line from 1 at the smallest alpha to 3 at the largest. It is set every 40 steps in the first fifth of training, with a ramp of 20 steps. Embeddings and heads have no spectrum, and get the largest factor. The authors use a largest factor of 3 to 5, and 40 to 100 steps.',
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
