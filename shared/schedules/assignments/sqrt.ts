import { z } from 'zod';
import { overMean } from '../mean.ts';
import type { AssignmentFunction } from './assignment.ts';

const configSchema = z.strictObject({
  function: z.literal('sqrt').describe('In proportion to the square root, with a mean factor of 1.'),
});

/** factor = L sqrt(x) / sum sqrt(x) */
export const sqrt = {
  name: 'sqrt',
  configSchema,
  smallestValue: 0,
  assign: (values) => overMean(values.map(Math.sqrt)),
} satisfies AssignmentFunction<z.output<typeof configSchema>>;
