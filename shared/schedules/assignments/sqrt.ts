import { z } from 'zod';
import { overMean } from '../mean.ts';
import type { AssignmentFunction } from './assignment.ts';

const configSchema = z.strictObject({
  function: z
    .literal('sqrt')
    .describe('The factor is in proportion to the square root of the value, with a mean of 1.'),
});

/** factor = L sqrt(x) / sum sqrt(x) */
export const sqrt = {
  name: 'sqrt',
  configSchema,
  smallestValue: 0,
  assign: (values) => overMean(values.map(Math.sqrt)),
} satisfies AssignmentFunction<z.output<typeof configSchema>>;
