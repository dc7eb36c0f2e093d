import { z } from 'zod';

/** The factors that the smallest and the largest value get. */
export const factorRange = {
  minFactor: z.number().nonnegative().default(0.5).describe('Factor on the base rate at the smallest value.'),
  maxFactor: z.number().nonnegative().default(1.5).describe('Factor on the base rate at the largest value.'),
};
