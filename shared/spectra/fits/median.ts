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

/** Where the tail of `count` eigenvalues starts. */
const startOf = (count: number, xminPosition: number): number => Math.min(Math.floor(count / xminPosition), count - 1);

/** PL_Alpha_Hill: the tail starts at index floor(N / xminPosition). */
export const median = {
  name: 'median',
  configSchema,
  chooseTail:
    ({ xminPosition }) =>
    ({ eigenvalues }) =>
      startOf(eigenvalues.length, xminPosition),
  fixedTail: ({ xminPosition }, count) => count - startOf(count, xminPosition),
} satisfies FitMethod<z.output<typeof configSchema>>;
