import { z } from 'zod';
import type { FitMethod } from './fit-method.ts';

const configSchema = z.strictObject({
  method: z.literal('median').describe('The tail starts at a fixed quantile of the eigenvalues (PL_Alpha_Hill).'),
  xminPosition: z
    .number()
    .min(1)
    .default(2)
    .describe('The tail starts at index floor(N / xminPosition): 2 is the median, 1.5 leaves the largest third.'),
});

/** PL_Alpha_Hill: the tail starts at index floor(N / xminPosition). */
export const median = {
  name: 'median',
  configSchema,
  chooseTail:
    ({ xminPosition }) =>
    ({ eigenvalues }) =>
      Math.min(Math.floor(eigenvalues.length / xminPosition), eigenvalues.length - 1),
} satisfies FitMethod<z.output<typeof configSchema>>;
