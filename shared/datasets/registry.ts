import { z } from 'zod';
import { configSchemasOf } from '../core/families.ts';
import type { DatasetFormat } from './dataset.ts';
import { pdebench } from './pdebench.ts';
import type { Trajectories } from './trajectories.ts';

/** Every data-set format. */
export const datasetFormats = [pdebench] as const;

/** The run file's `dataset` section. */
export const datasetSchema = z
  .discriminatedUnion('format', configSchemasOf(datasetFormats))
  .describe('What to train on.');
export type DatasetConfig = z.infer<typeof datasetSchema>;

/**
 * Reads the data a configuration selects; `path` is its file's resolved path.
 * @throws UserError when the file or what is in it can't serve.
 */
export function openDataset(
  config: DatasetConfig,
  path: string,
  context: { readonly seed: number },
): Promise<Trajectories> {
  const format = datasetFormats.find(({ name }) => name === config.format) as DatasetFormat<DatasetConfig>;
  return format.open(config, path, context);
}
