import { readdir } from 'node:fs/promises';
import { z } from 'zod';
import { configSchemasOf, memberNamed, type OwnSettings, openUnion } from '../../core/families.ts';
import type { DataPath } from '../data-path.ts';
import { arrow, savedParts } from './arrow.ts';
import { csv } from './csv.ts';
import { json } from './json.ts';
import { jsonl } from './jsonl.ts';
import { lines } from './lines.ts';
import { openTexts } from './open-text.ts';
import { parquet } from './parquet.ts';
import type { TextContext } from './source.ts';
import { partsInFolder } from './text-files.ts';
import type { TextFormat } from './text-format.ts';
import type { TextData } from './text-rows.ts';

/** Every format of text data sets. */
export const textFormats = [jsonl, json, csv, parquet, arrow, lines] as const;

/** The run file's `dataset` section for models that take text. */
export const textDatasetSchema = openUnion(z.discriminatedUnion('format', configSchemasOf(textFormats)));
export type TextDatasetConfig = z.infer<typeof textDatasetSchema>;

/** The format that a file's name tells, packed or not; undefined: none. */
export function textFormatOf(path: string): TextDatasetConfig['format'] | undefined {
  const ending = /\.([^.]+?)(?:\.(?:gz|zst))?$/i.exec(path)?.[1]?.toLowerCase() ?? '';
  return textFormats.find(({ endings }) => endings.some((each) => each === ending))?.name;
}

const hasColumns = ({ configSchema }: TextFormat<OwnSettings>): boolean =>
  configSchema instanceof z.ZodObject && 'columns' in configSchema.shape;

/** Whether files of a format have columns: a text, its label and others. */
export const formatHasColumns = (format: string): boolean =>
  textFormats.some((each) => each.name === format && hasColumns(each));

/** The formats whose rows may have lists, as of words and their tags. */
export const formatsWithLists = (): string[] =>
  textFormats.filter((each: TextFormat<OwnSettings>) => hasColumns(each) && !each.textsOnly).map(({ name }) => name);

/** The files of a folder of texts, as far as their names tell. */
export interface TextFolder {
  readonly format: TextDatasetConfig['format'];
  /** Parts of the data set; empty: it has none. */
  readonly parts: readonly string[];
}

/** @returns undefined for anything but a folder of texts. */
export async function textFolderAt(path: string): Promise<TextFolder | undefined> {
  const names = await readdir(path).catch(() => undefined);
  if (!names) return undefined;
  const saved = await savedParts(path);
  if (saved) return { format: 'arrow', parts: saved };
  const formats = new Set(names.flatMap((name) => textFormatOf(name) ?? []));
  const [format] = formats;
  return format !== undefined && formats.size === 1 ? { format, parts: await partsInFolder(path) } : undefined;
}

/**
 * Reads the data a configuration selects; `path` is the resolved path of its file or files, and so are the paths of other files in the configuration.
 * @throws UserError when a file or what is in it can't serve.
 */
export function openTextDataset(config: TextDatasetConfig, path: DataPath, context: TextContext): Promise<TextData> {
  return openTexts(memberNamed<TextFormat<OwnSettings>>(textFormats, config.format), config, path, context);
}
