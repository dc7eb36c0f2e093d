import type { Preset } from './preset.ts';

/** TB-Sigmoid for little data. Source: Liu et al. (EMNLP 2024), arXiv 2410.12178, and the settings of their scripts. */
export const modelBalancing = {
  name: 'modelBalancing',
  description:
    'Model Balancing (EMNLP 2024). The factor is a sigmoid around the mean alpha. Language models are balanced by block, ten times an epoch and at least every 100 steps; models of fields by layer, every epoch. The authors chose a strength s for each share of the data, from 0.125 to 2; here it is 0.25.',
  essential: ['assignment.function'],
  settings: (kind) =>
    kind === 'language'
      ? {
          fit: { method: 'median', xminPosition: 1.5 },
          filterZeros: false,
          assignment: { function: 'sigmoid', tau: 10, s: 0.25 },
          unit: 'block',
          every: { steps: 100, timesAnEpoch: 10 },
          minEigenvalues: 50,
        }
      : {
          fit: { method: 'median', xminPosition: 2 },
          filterZeros: true,
          conv1d: 'rows',
          assignment: { function: 'sigmoid', tau: 10, s: 0.25 },
          unit: 'layer',
          every: 1,
          minEigenvalues: 12,
        },
} as const satisfies Preset;
