import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import type { LearningRateCurve, TrainingLength } from './curve.ts';

/** The settings that every schedule with a warm-up shares. */
export const warmUpSettings = {
  warmUpRatio: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      'Warm-up, in which the rate rises linearly from 0: a share of all steps, rounded up to whole steps. It replaces warmUpSteps.',
    ),
  warmUpSteps: z
    .int()
    .nonnegative()
    .optional()
    .describe('Warm-up, in which the rate rises linearly from 0: a number of steps. It replaces warmUpRatio.'),
};

interface WarmUp {
  warmUpRatio?: number | undefined;
  warmUpSteps?: number | undefined;
}

/** For `z.refine`: ratio and steps exclude each other. */
export const oneWarmUp = ({ warmUpRatio, warmUpSteps }: WarmUp) =>
  warmUpRatio === undefined || warmUpSteps === undefined;
export const oneWarmUpMessage = 'give warmUpRatio or warmUpSteps, not both';

/**
 * Rises linearly from 0 at step 0 (so the very first step changes nothing) to 1 after the warm-up, then follows
 * `after`, which is given the share of the remaining steps that is over, in [0, 1], and the step.
 * @throws UserError when the warm-up is longer than training.
 */
export function withWarmUp(
  warmUp: WarmUp,
  { stepsPerEpoch, epochs }: TrainingLength,
  after: (progress: number, step: number) => number,
): LearningRateCurve {
  const total = stepsPerEpoch * epochs;
  const warmUpSteps = warmUp.warmUpSteps ?? Math.ceil(total * (warmUp.warmUpRatio ?? 0) * (1 - 1e-12));
  if (warmUpSteps > total) {
    throw new UserError(
      `the warm-up of ${warmUpSteps} steps is longer than training, which has ${total} (${epochs} epochs of ${stepsPerEpoch})`,
      { where: 'warmUpSteps', remedy: 'Lower warmUpSteps, give warmUpRatio instead, or train for more epochs.' },
    );
  }
  const remaining = Math.max(1, total - warmUpSteps);
  return (step) =>
    step < warmUpSteps ? step / warmUpSteps : after(Math.min(1, (step - warmUpSteps) / remaining), step);
}
