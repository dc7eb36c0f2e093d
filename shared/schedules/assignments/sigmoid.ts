import { z } from 'zod';
import { mean } from '../../core/statistics/sample.ts';
import type { AssignmentFunction } from './assignment.ts';

const configSchema = z.strictObject({
  function: z.literal('sigmoid').describe('TB-Sigmoid (EMNLP 2024): 10 to the power of a sigmoid around the mean.'),
  tau: z.number().positive().default(10).describe('Steepness of the sigmoid.'),
  s: z.number().nonnegative().default(0.25).describe('Strength: factors lie between 10^(-s/2) and 10^(s/2).'),
  sMin: z.number().nonnegative().optional().describe('Strength at and below the mean. Absent: s.'),
  sMax: z.number().nonnegative().optional().describe('Strength above the mean. Absent: s.'),
});

/** factor = 10^(s (1 / (1 + exp(-tau (x - mean x))) - 1/2)), s = sMax above the mean and sMin elsewhere. */
export const sigmoid = {
  name: 'sigmoid',
  configSchema,
  smallestValue: Number.NEGATIVE_INFINITY,
  assign(values, { tau, s, sMin = s, sMax = s }) {
    const centre = mean(values);
    return values.map((value) => {
      const offset = value - centre;
      return 10 ** ((offset > 0 ? sMax : sMin) * (1 / (1 + Math.exp(-tau * offset)) - 0.5));
    });
  },
} satisfies AssignmentFunction<z.output<typeof configSchema>>;
