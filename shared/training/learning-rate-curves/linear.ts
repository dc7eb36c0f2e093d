import { z } from 'zod';
import type { LearningRateCurveFamily } from './curve.ts';
import { oneWarmUp, oneWarmUpMessage, warmUpSettings, withWarmUp } from './warm-up.ts';

const configSchema = z
  .strictObject({
    name: z.literal('linear').describe('After the warm-up, the rate falls linearly to 0 at the end of training.'),
    ...warmUpSettings,
  })
  .refine(oneWarmUp, oneWarmUpMessage);

/** factor = (total - step) / (total - warm-up) after the warm-up */
export const linear = {
  name: 'linear',
  configSchema,
  build: (config, length) => withWarmUp(config, length, (progress) => 1 - progress),
} satisfies LearningRateCurveFamily<z.output<typeof configSchema>>;
