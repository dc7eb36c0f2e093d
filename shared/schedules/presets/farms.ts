import type { Preset } from './preset.ts';

/** TempBalance by alphas of windows of one shape. Source: Hu et al., FARMS (ICML 2025). */
export const farms = {
  name: 'farms',
  description:
    "FARMS (ICML 2025). It measures alpha on square windows of a weight, so that a layer's shape does not matter. The factor is a straight line from 0.1 to 1.9. This is the authors' range for ResNet-18; for ResNet-34 and VGG they use 0.2 to 1.8.",
  essential: ['metric'],
  settings: () => ({
    metric: 'farmsAlpha',
    farms: { side: 100, perSide: 9, placement: 'even' },
    fit: { method: 'median', xminPosition: 2 },
    filterZeros: false,
    assignment: { function: 'linearMap', minFactor: 0.1, maxFactor: 1.9 },
    unit: 'layer',
    minEigenvalues: 5,
  }),
} as const satisfies Preset;
