import { z } from 'zod';
import {
  addMember,
  configSchemasOf,
  type Member,
  memberNamed,
  type OwnSettings,
  openUnion,
} from '../../core/families.ts';
import { constant } from './constant.ts';
import { cosine } from './cosine.ts';
import type { LearningRateCurve, LearningRateCurveFamily, TrainingLength } from './curve.ts';
import { linear } from './linear.ts';
import { step } from './step.ts';

/** Every base learning-rate schedule. */
export const learningRateCurves = [constant, linear, cosine, step] as const;

export const learningRateCurveSchema = openUnion(z.discriminatedUnion('name', configSchemasOf(learningRateCurves)));
export type LearningRateCurveConfig = z.output<typeof learningRateCurveSchema>;

/** Adds a schedule from outside. @throws UserError when one has its name. */
export const addLearningRateCurve = (curve: Member): void =>
  addMember('schedule', curve, [learningRateCurves], [learningRateCurveSchema]);

/**
 * The configured schedule for a training of this length: step -> factor on the base learning rate.
 * @throws UserError when the warm-up is longer than training.
 */
export function learningRateCurve(config: LearningRateCurveConfig, length: TrainingLength): LearningRateCurve {
  const family = memberNamed<LearningRateCurveFamily<OwnSettings>>(learningRateCurves, config.name);
  return family.build(config, length);
}
