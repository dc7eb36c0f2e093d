import { z } from 'zod';
import type { LearningRateCurveFamily } from './curve.ts';
import { oneWarmUp, oneWarmUpMessage, warmUpSettings, withWarmUp } from './warm-up.ts';

const configSchema = z
  .strictObject({
    name: z.literal('step').describe('The rate is multiplied by gamma after every stepSize epochs (StepLR).'),
    stepSize: z.int().positive().default(100).describe('Epochs between two drops.'),
    gamma: z.number().positive().default(0.5).describe('Factor at each drop.'),
    ...warmUpSettings,
  })
  .refine(oneWarmUp, oneWarmUpMessage);

/** factor = gamma^floor(epoch / stepSize), epochs counted from the start of training */
export const step = {
  name: 'step',
  configSchema,
  build: (config, length) =>
    withWarmUp(config, length, (_, at) => {
      const epoch = Math.floor(at / Math.max(1, length.stepsPerEpoch));
      return config.gamma ** Math.floor(epoch / config.stepSize);
    }),
} satisfies LearningRateCurveFamily<z.output<typeof configSchema>>;
