import { z } from 'zod';
import type { AssignmentFunction } from './assignment.ts';
import { factorRange } from './factor-range.ts';

const configSchema = z.strictObject({
  function: z
    .literal('linearMap')
    .describe('The factor is a straight line from the smallest to the largest value (NeurIPS 2023).'),
  ...factorRange,
});

/** factor = minFactor + (maxFactor - minFactor) (x - min x) / (max x - min x); 1 where all values are equal. */
export const linearMap = {
  name: 'linearMap',
  configSchema,
  smallestValue: Number.NEGATIVE_INFINITY,
  assign(values, { minFactor, maxFactor }) {
    const low = Math.min(...values);
    const width = Math.max(...values) - low;
    if (width === 0) return values.map(() => 1);
    return values.map((value) => minFactor + ((maxFactor - minFactor) * (value - low)) / width);
  },
} satisfies AssignmentFunction<z.output<typeof configSchema>>;
