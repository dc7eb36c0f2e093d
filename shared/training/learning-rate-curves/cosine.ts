import { z } from 'zod';
import type { LearningRateCurveFamily } from './curve.ts';
import { oneWarmUp, oneWarmUpMessage, warmUpSettings, withWarmUp } from './warm-up.ts';

const configSchema = z
  .strictObject({
    name: z
      .literal('cosine')
      .describe('After the warm-up, the rate falls to 0 at the end of training, along half a cosine.'),
    ...warmUpSettings,
  })
  .refine(oneWarmUp, oneWarmUpMessage);

/** factor = (1 + cos(pi progress)) / 2 after the warm-up, for the share of the remaining steps that is over */
export const cosine = {
  name: 'cosine',
  configSchema,
  build: (config, length) => withWarmUp(config, length, (progress) => (1 + Math.cos(Math.PI * progress)) / 2),
} satisfies LearningRateCurveFamily<z.output<typeof configSchema>>;
