import { z } from 'zod';
import { addMember, configSchemasOf, openUnion } from '../core/families.ts';
import type { DataPath } from './data-path.ts';
import type { DatasetFormat, FieldContext, FieldFormat } from './dataset.ts';
import { fields, pdebench } from './fields.ts';
import { textDatasetSchema, textFormats } from './text/registry.ts';
import type { TextContext } from './text/source.ts';
import type { TextData } from './text/text-rows.ts';
import type { Trajectories } from './trajectories.ts';

/** Every format of fields. */
const fieldFormats = [pdebench, fields] as const;

/** Every data-set format. */
export const datasetFormats = [...fieldFormats, ...textFormats] as const;

/** The settings of a data set of fields. */
export const fieldDatasetSchema = openUnion(z.discriminatedUnion('format', configSchemasOf(fieldFormats)));
export type FieldDatasetConfig = z.infer<typeof fieldDatasetSchema>;

/** The run file's `dataset` section. */
export const datasetSchema = openUnion(
  z
    .discriminatedUnion('format', [...configSchemasOf(fieldFormats), ...configSchemasOf(textFormats)])
    .describe('What to train on.'),
);
export type DatasetConfig = z.infer<typeof datasetSchema>;

// biome-ignore lint/suspicious/noExplicitAny: each format has settings of its own, which its schema describes.
type Settings = any;

/** A format of texts. */
export type TextFormat = DatasetFormat<Settings, TextData, TextContext>;

/** Adds a format of fields from outside. @throws UserError when one has its name. */
export const addFieldFormat = (format: FieldFormat<Settings>): void =>
  addMember('data set format', format, [fieldFormats, datasetFormats], [fieldDatasetSchema, datasetSchema]);

/** Adds a format of texts from outside. @throws UserError when one has its name. */
export const addTextFormat = (format: TextFormat): void =>
  addMember('data set format', format, [textFormats, datasetFormats], [textDatasetSchema, datasetSchema]);

/** What is told of the files that a data set has besides its own: one to validate on, one to test on. */
export interface OtherFiles<Told = string> {
  readonly validation?: Told | undefined;
  readonly test?: Told | undefined;
}

/** The settings that name them. */
export const otherFileSettings = { validation: 'dataset.validationPath', test: 'dataset.test.path' } as const;

/** The files that a data set has besides its own; undefined: rows of its own file serve, or there are no test data. */
export function otherFilesOf(config: DatasetConfig): OtherFiles {
  return {
    validation: 'validationPath' in config ? config.validationPath : undefined,
    test: config.test?.path,
  };
}

/** Reads something from each of the other files, one after the other. */
export async function ofOtherFiles<Told>(
  files: OtherFiles,
  find: (path: string, kind: keyof OtherFiles) => Promise<Told>,
): Promise<OtherFiles<Told>> {
  const { validation, test } = files;
  return {
    ...(validation === undefined ? {} : { validation: await find(validation, 'validation') }),
    ...(test === undefined ? {} : { test: await find(test, 'test') }),
  };
}

/** The same data set at other places; a file for which none is given stays where it is. */
export function withDataPaths(config: DatasetConfig, path: DataPath, { validation, test }: OtherFiles): DatasetConfig {
  return {
    ...config,
    path,
    ...(validation === undefined ? {} : { validationPath: validation }),
    ...(test === undefined || config.test === undefined ? {} : { test: { ...config.test, path: test } }),
  } as DatasetConfig;
}

/** The kind of data that a configuration yields. */
export function kindOf({ format }: DatasetConfig): Trajectories['kind'] | TextData['kind'] {
  return textFormats.some(({ name }) => name === format) ? 'text' : 'trajectories';
}

/**
 * Reads the data a configuration selects; `path` is its file's resolved path.
 * @throws UserError when the file or what is in it can't serve.
 */
export function openDataset(config: FieldDatasetConfig, path: DataPath, context: FieldContext): Promise<Trajectories> {
  return formatOf(config).open(config, path, context);
}

/**
 * Finds the test data or validation data of fields; `path` is the file or files that have them.
 * @param data the others, which they must be like.
 * @throws UserError when the file or what is in it can't serve, or is not like the others.
 */
export function openHeldData(
  kind: 'test' | 'validation',
  config: FieldDatasetConfig,
  path: DataPath,
  data: Trajectories,
  context: Pick<FieldContext, 'held'> = {},
): Promise<Trajectories> {
  return formatOf(config).openHeld(kind, config, path, data, context);
}

const formatOf = ({ format }: FieldDatasetConfig) =>
  fieldFormats.find(({ name }) => name === format) as FieldFormat<FieldDatasetConfig>;
