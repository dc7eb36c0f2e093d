import { z } from 'zod';
import { configSchemasOf } from '../core/families.ts';
import type { DatasetFormat } from './dataset.ts';
import { pdebench } from './pdebench.ts';
import { textFormats } from './text/registry.ts';
import type { TextData } from './text/text-rows.ts';
import type { Trajectories } from './trajectories.ts';

/** Every format of fields. */
const fieldFormats = [pdebench] as const;

/** Every data-set format. */
export const datasetFormats = [...fieldFormats, ...textFormats] as const;

/** What a data set of fields is described by. */
export const fieldDatasetSchema = z.discriminatedUnion('format', configSchemasOf(fieldFormats));
export type FieldDatasetConfig = z.infer<typeof fieldDatasetSchema>;

/** The run file's `dataset` section. */
export const datasetSchema = z
  .discriminatedUnion('format', [...configSchemasOf(fieldFormats), ...configSchemasOf(textFormats)])
  .describe('What to train on.');
export type DatasetConfig = z.infer<typeof datasetSchema>;

/** The same data set with its paths changed. */
export function withDataPaths(config: DatasetConfig, change: (path: string) => string): DatasetConfig {
  const moved = { ...config, path: change(config.path) };
  if (!('validationPath' in moved) || moved.validationPath === undefined) return moved;
  return { ...moved, validationPath: change(moved.validationPath) };
}

/** What kind of data a configuration yields. */
export function kindOf({ format }: DatasetConfig): Trajectories['kind'] | TextData['kind'] {
  return textFormats.some(({ name }) => name === format) ? 'text' : 'trajectories';
}

/**
 * Reads the data a configuration selects; `path` is its file's resolved path.
 * @throws UserError when the file or what is in it can't serve.
 */
export function openDataset(
  config: FieldDatasetConfig,
  path: string,
  context: { readonly seed: number },
): Promise<Trajectories> {
  const format = fieldFormats.find(({ name }) => name === config.format) as DatasetFormat<FieldDatasetConfig>;
  return format.open(config, path, context);
}
