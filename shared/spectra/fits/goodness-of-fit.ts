import { z } from 'zod';
import { equalEigenvalues, nearestToPowerLaw } from '../power-law.ts';
import type { FitMethod } from './fit-method.ts';

const configSchema = z.strictObject({
  method: z.literal('goodnessOfFit').describe('The tail with the smallest Kolmogorov-Smirnov distance to its fit.'),
});

/** The start that minimises the Kolmogorov-Smirnov distance, as in Clauset, Shalizi and Newman (2009). */
export const goodnessOfFit = {
  name: 'goodnessOfFit',
  configSchema,
  chooseTail: () => (tails) =>
    nearestToPowerLaw(tails, Array(tails.eigenvalues.length - 1).keys()) ?? { refused: equalEigenvalues },
} satisfies FitMethod<z.output<typeof configSchema>>;
