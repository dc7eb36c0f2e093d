import { z } from 'zod';
import { overMean } from '../mean.ts';
import type { AssignmentFunction } from './assignment.ts';

const configSchema = z.strictObject({
  function: z.literal('log2').describe('The factor is in proportion to the logarithm of the value, with a mean of 1.'),
});

/** factor = L log2(x) / sum log2(x) */
export const log2 = {
  name: 'log2',
  configSchema,
  smallestValue: 1,
  assign: (values) => overMean(values.map(Math.log2)),
} satisfies AssignmentFunction<z.output<typeof configSchema>>;
