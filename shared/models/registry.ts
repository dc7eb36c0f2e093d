import { z } from 'zod';
import { configSchemasOf } from '../core/families.ts';
import { fno1d } from './fno1d.ts';
import { fno2d } from './fno2d.ts';
import type { FieldModel, ModelFamily, TrajectoryFormat } from './model.ts';

/** Every model family: one line each. */
const modelFamilies = [fno1d, fno2d] as const;

/** The run file's `model` section. */
export const modelSchema = z.discriminatedUnion('family', configSchemasOf(modelFamilies)).describe('What to train.');
export type ModelConfig = z.infer<typeof modelSchema>;

/**
 * Builds the configured model for data of this format.
 * @throws UserError when the model can't be built for such data.
 */
export function buildModel(config: ModelConfig, format: TrajectoryFormat): FieldModel {
  const family = modelFamilies.find(({ name }) => name === config.family) as ModelFamily<ModelConfig>;
  return family.build(config, format);
}
