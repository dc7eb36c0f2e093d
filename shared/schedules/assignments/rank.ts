import { z } from 'zod';
import type { AssignmentFunction } from './assignment.ts';
import { factorRange } from './factor-range.ts';

const configSchema = z.strictObject({
  function: z
    .literal('rank')
    .describe(
      'The factor follows the rank of the value only, in equal steps. The largest value stays one step below the end.',
    ),
  ...factorRange,
});

/** factor = minFactor + (maxFactor - minFactor) r / L for rank r = 0 .. L - 1, ascending; ties keep their order. */
export const rank = {
  name: 'rank',
  configSchema,
  smallestValue: Number.NEGATIVE_INFINITY,
  assign(values, { minFactor, maxFactor }) {
    const factors = new Array<number>(values.length);
    const ascending = [...values.keys()].sort((a, b) => values[a]! - values[b]!);
    ascending.forEach((index, place) => {
      factors[index] = minFactor + ((maxFactor - minFactor) * place) / values.length;
    });
    return factors;
  },
} satisfies AssignmentFunction<z.output<typeof configSchema>>;
