import type { Preset } from './preset.ts';

/** Layer-wise rates that only ever raise the base rate, early in training. Source: LLR (ICML 2026), arXiv 2605.22297. */
export const llr = {
  name: 'llr',
  description:
    'LLR (ICML 2026): a straight line from 1 at the smallest alpha to 3 at the largest, every 50 steps of the first fifth of training, moved over 25 steps; what has no spectrum gets the largest factor.',
  essential: ['assignment.function', 'target'],
  settings: () => ({
    assignment: { function: 'linearMap', minFactor: 1, maxFactor: 3 },
    unit: 'layer',
    target: 'learningRate',
    every: { steps: 50 },
    until: { share: 0.2 },
    rampSteps: 25,
    unmeasured: 'largestFactor',
  }),
} satisfies Preset;
