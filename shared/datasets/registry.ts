import { z } from 'zod';
import { addMember, configSchemasOf, memberNamed, type OwnSettings, openUnion } from '../core/families.ts';
import type { DataPath } from './data-path.ts';
import type { FieldContext, FieldFormat } from './dataset.ts';
import { fields, pdebench } from './fields.ts';
import { openFields, openHeldFields } from './open-fields.ts';
import { textDatasetSchema, textFormats } from './text/registry.ts';
import type { TextFormat } from './text/text-format.ts';
import type { TextData } from './text/text-rows.ts';
import type { Trajectories } from './trajectories.ts';

/** Every format of fields. */
export const fieldFormats = [pdebench, fields] as const;

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

/** Adds a format of fields from outside. @throws UserError when one has its name. */
export const addFieldFormat = (format: FieldFormat<OwnSettings>): void =>
  addMember('data set format', format, [fieldFormats, datasetFormats], [fieldDatasetSchema, datasetSchema]);

/** Adds a format of texts from outside. @throws UserError when one has its name. */
export const addTextFormat = (format: TextFormat<OwnSettings>): void =>
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

/** The configured format. */
export const fieldFormatOf = ({ format }: FieldDatasetConfig): FieldFormat<FieldDatasetConfig> =>
  memberNamed<FieldFormat<OwnSettings>>(fieldFormats, format);

/**
 * Reads the data a configuration selects; `path` is its file's resolved path.
 * @throws UserError when the file or what is in it can't serve.
 */
export function openDataset(config: FieldDatasetConfig, path: DataPath, context: FieldContext): Promise<Trajectories> {
  return openFields(fieldFormatOf(config), config, path, context);
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
  return openHeldFields(fieldFormatOf(config), kind, config, path, data, context);
}
