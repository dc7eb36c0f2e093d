import { z } from 'zod';
import type { LearningRateCurveFamily } from './curve.ts';
import { oneWarmUp, oneWarmUpMessage, warmUpSettings, withWarmUp } from './warm-up.ts';

const configSchema = z
  .strictObject({
    name: z.literal('constant').describe('The base rate, constant after the warm-up.'),
    ...warmUpSettings,
  })
  .refine(oneWarmUp, oneWarmUpMessage);

/** factor = 1 after the warm-up */
export const constant = {
  name: 'constant',
  configSchema,
  build: (config, length) => withWarmUp(config, length, () => 1),
} satisfies LearningRateCurveFamily<z.output<typeof configSchema>>;
