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

/** The file that a model is validated on; undefined: rows of the data set are held out. */
export function validationPathOf(config: DatasetConfig): string | undefined {
  return 'validationPath' in config ? config.validationPath : undefined;
}

/** The same data set at other places. */
export function withDataPaths(config: DatasetConfig, path: string, validationPath: string | undefined): DatasetConfig {
  return validationPath === undefined ? { ...config, path } : ({ ...config, path, validationPath } as DatasetConfig);
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
