import { z } from 'zod';
import { addMember, configSchemasOf, memberNamed, type OwnSettings, openUnion } from '../core/families.ts';
import { deepOnet } from './deeponet.ts';
import { dpot } from './dpot.ts';
import { fno1d } from './fno1d.ts';
import { fno2d } from './fno2d.ts';
import { fno3d } from './fno3d.ts';
import { languageModelSchema } from './language/settings.ts';
import type { FieldModel, ModelFamily, TrajectoryFormat } from './model.ts';
import { neuralopFno, tfno } from './neuralop.ts';
import { withNormaliser } from './normalised.ts';
import { pytorchModule } from './pytorch/common.ts';
import { unet1d } from './unet1d.ts';
import { unet2d } from './unet2d.ts';

/** Every model family: one line each. */
export const modelFamilies = [fno1d, fno2d, fno3d, neuralopFno, tfno, unet1d, unet2d, deepOnet, dpot] as const;

/** The settings of a model of fields. */
export const fieldModelSchema = openUnion(z.discriminatedUnion('family', configSchemasOf(modelFamilies)));
export type FieldModelConfig = z.infer<typeof fieldModelSchema>;

/** The run file's `model` section. */
export const modelSchema = openUnion(
  z.discriminatedUnion('family', [...configSchemasOf(modelFamilies), languageModelSchema]).describe('What to train.'),
);
export type ModelConfig = z.infer<typeof modelSchema>;

/** Adds a family from outside. @throws UserError when one has its name. */
export const addModelFamily = (family: ModelFamily): void =>
  addMember('model family', family, [modelFamilies], [fieldModelSchema, modelSchema]);

/** The name of the setting that names a model's first weights. */
export function weightsSetting({ family }: ModelConfig): 'folder' | 'weights' {
  return family === 'huggingface' ? 'folder' : 'weights';
}

/** The file or folder that a model begins with; undefined: there is none. */
export function weightsOf(model: ModelConfig): string | undefined {
  return model.family === 'huggingface' ? model.folder : model.weights;
}

/** A model's settings with other weights. */
export function withWeights(model: ModelConfig, weights: string): ModelConfig {
  return { ...model, [weightsSetting(model)]: weights };
}

/** A model's settings with every path in them replaced by what `changed` gives. */
export function withModelPaths(model: ModelConfig, changed: (path: string) => string): ModelConfig {
  const weights = weightsOf(model);
  const moved = weights === undefined ? model : withWeights(model, changed(weights));
  if (moved.family !== 'huggingface' || moved.base === undefined) return moved;
  return { ...moved, base: changed(moved.base) };
}

/** The kind of data that a model takes. */
export function takenBy({ family }: ModelConfig): TrajectoryFormat['kind'] | 'text' {
  return modelFamilies.find(({ name }) => name === family)?.takes ?? 'text';
}

const familyOf = ({ family }: FieldModelConfig): ModelFamily<FieldModelConfig> =>
  memberNamed<ModelFamily<OwnSettings>>(modelFamilies, family);

/** `model.py` of an export: a module of PyTorch with `load`, which computes what the configured model does. */
export function pytorchOf(config: FieldModelConfig): string {
  return pytorchModule(familyOf(config).pytorch);
}

/** Whether a model means the same on finer and coarser grids. */
export const isOfAnyResolution = (config: FieldModelConfig): boolean => familyOf(config).anyResolution ?? false;

/**
 * Builds the configured model for data of this format; with a normaliser, in the units of the data.
 * @throws UserError when the model can't be built for such data.
 */
export function buildModel(config: FieldModelConfig, format: TrajectoryFormat): FieldModel {
  const model = familyOf(config).build(config, format);
  return format.normaliser ? withNormaliser(model, format.normaliser, format) : model;
}
