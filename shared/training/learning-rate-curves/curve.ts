import type { z } from 'zod';

/** The length of training, in optimizer steps. */
export interface TrainingLength {
  readonly stepsPerEpoch: number;
  readonly epochs: number;
}

/** Factor on the base learning rate at an optimizer step; step 0 is the first. */
export type LearningRateCurve = (step: number) => number;

/** A base learning-rate schedule: one file, one line in the registry. */
export interface LearningRateCurveFamily<Config> {
  readonly name: string;
  /** Its part of the run file: an object with `name: <name>` and its own settings. */
  readonly configSchema: z.ZodType<Config>;
  /** @throws UserError when the warm-up is longer than training. */
  build(config: Config, length: TrainingLength): LearningRateCurve;
}
