/** Apache Arrow, as the Hugging Face `datasets` library saves data sets to disk (`save_to_disk`). */
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RecordBatch, Vector } from 'apache-arrow';
import { z } from 'zod';
import { BrokenInputError, messageOf, UserError } from '../../core/errors.ts';
import { readIfPresent } from '../../core/optional-file.ts';
import { type DataPath, eachPath } from '../data-path.ts';
import { classesNoted, infoInMetadata } from './noted-classes.ts';
import { columnSettings } from './settings.ts';
import { BrokenText, type ChooseColumns, type SourceRow } from './source.ts';
import { textFilesOf, type Wanted } from './text-files.ts';
import type { TextFormat } from './text-format.ts';

const configSchema = z.strictObject({
  format: z
    .literal('arrow')
    .describe('A folder of the Hugging Face `datasets` library (`save_to_disk`), or files of Apache Arrow.'),
  ...columnSettings,
});

/** Reads the chosen columns, a record batch at a time. */
export const arrow = {
  name: 'arrow',
  kind: 'text',
  configSchema,
  unit: 'row',
  wanted: 'a folder that `save_to_disk` wrote, or one Arrow file',
  endings: ['arrow'],
  hasSchema: true,
  filesOf,
  read: readRows,
} as const satisfies TextFormat<z.output<typeof configSchema>>;

const dictSchema = z.object({ splits: z.array(z.string()).min(1) });
const stateSchema = z.object({
  _data_files: z.array(z.object({ filename: z.string() })).min(1),
  _split: z.string().nullish(),
  _indices_files: z.array(z.unknown()).nullish(),
  _indices_data_files: z.array(z.unknown()).nullish(),
});

/** What a JSON file of a saved data set says; undefined: there is none. @throws UserError when it says something else. */
async function noted<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema> | undefined> {
  const text = await readIfPresent(path, 'Save the data set again.');
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new BrokenInputError('is not as the `datasets` library writes it', {
      where: path,
      remedy: 'Save the data set again.',
      cause,
    });
  }
}

/** The parts that were saved together in a folder; undefined: it is no such folder. */
export async function savedParts(path: string): Promise<readonly string[] | undefined> {
  const dict = await noted(join(path, 'dataset_dict.json'), dictSchema);
  if (dict) return dict.splits;
  return (await noted(join(path, 'state.json'), stateSchema)) && [];
}

/** The files of a saved data set, or of the wanted part of several that were saved together, in their order. */
async function filesOf(path: DataPath, wanted: Wanted): Promise<readonly string[]> {
  const found: string[] = [];
  for (const each of eachPath(path)) {
    found.push(...((await savedFiles(each, wanted)) ?? (await textFilesOf(each, wanted))));
  }
  return found;
}

/** @returns undefined for anything but the folder of a saved data set. */
async function savedFiles(path: string, { split, splitSetting }: Wanted): Promise<readonly string[] | undefined> {
  const dict = await noted(join(path, 'dataset_dict.json'), dictSchema);
  if (!dict) return filesOfOne(path, split, splitSetting);
  const { splits } = dict;
  const part = split ?? (splits.length === 1 ? splits[0]! : undefined);
  if (part !== undefined && splits.includes(part)) {
    const files = await filesOfOne(join(path, part), undefined, splitSetting);
    if (files) return files;
    throw new BrokenInputError('has no state.json', { where: join(path, part), remedy: 'Save the data set again.' });
  }
  const what = split === undefined ? 'has several parts' : `has no part ${split}`;
  throw new UserError(`${what}; its parts are ${splits.join(', ')}`, {
    where: path,
    remedy: `Name one, e.g. \`${splitSetting}: ${splits[0]}\`.`,
  });
}

async function filesOfOne(
  folder: string,
  split: string | undefined,
  splitSetting: string,
): Promise<readonly string[] | undefined> {
  const state = await noted(join(folder, 'state.json'), stateSchema);
  if (!state) return undefined;
  if (state._indices_files?.length || state._indices_data_files?.length) {
    throw new UserError('was saved with a list of chosen rows (`_indices_files`)', {
      where: join(folder, 'state.json'),
      remedy: 'Save it again after `flatten_indices()`.',
    });
  }
  if (split !== undefined && split !== state._split) {
    throw new UserError(`is ${state._split ? `the part ${state._split}` : 'no part of a data set'}, not ${split}`, {
      where: folder,
      remedy: `Leave \`${splitSetting}\` out, or give the folder of that part.`,
    });
  }
  return state._data_files.map(({ filename }) => join(folder, filename));
}

/** The end of a stream of record batches. */
const endOfStream = Buffer.from('ffffffff00000000', 'hex');

/** @throws BrokenInputError when a stream does not end, which the library would take for its end. */
async function refuseCutOff(path: string): Promise<void> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const read = async (count: number, at: number) =>
      (await file.read(Buffer.alloc(count), 0, count, Math.max(0, at))).buffer;
    const start = await read(8, 0);
    const isFile = start.toString('latin1', 0, 6) === 'ARROW1';
    if (!isFile && start.readUInt32LE() !== 0xffffffff) {
      throw new UserError('is not an Arrow file', {
        where: path,
        remedy: 'Check `dataset.path` and `dataset.format`.',
      });
    }
    const end = await read(8, size - 8);
    const isEnded = isFile ? end.toString('latin1', 2) === 'ARROW1' : end.equals(endOfStream);
    if (isEnded) return;
    throw new BrokenInputError('is cut off: its record batches do not end', {
      where: path,
      remedy: 'Fetch or write the file again.',
    });
  } finally {
    await file.close();
  }
}

async function* readRows(path: string, choose: ChooseColumns): AsyncGenerator<SourceRow> {
  await refuseCutOff(path);
  const library = await import('apache-arrow');
  const stream = createReadStream(path);
  try {
    const reader = await library.RecordBatchReader.from(stream);
    await reader.open();
    const { fields, metadata } = reader.schema;
    const info = infoInMetadata(metadata.get('huggingface')) ?? (await infoBeside(path));
    const names = fields.map(({ name }) => name);
    const chosen = choose(names, (column, inLists = false) => classesNoted(info, column, inLists));
    const places = chosen.map((name) => names.indexOf(name));
    let row = 1;
    for await (const batch of reader) {
      const columns = places.map((place) => columnOf(batch, place, library));
      for (let index = 0; index < batch.numRows; index++) yield { row: row++, values: columns.map((at) => at(index)) };
    }
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new BrokenInputError(`can't be read as Arrow: ${messageOf(cause)}`, {
      where: path,
      remedy: 'The file is probably damaged: fetch or write it again.',
      cause,
    });
  } finally {
    stream.destroy();
  }
}

/** The description of the data set that lies beside a file; undefined: there is none. */
async function infoBeside(path: string): Promise<unknown> {
  const beside = join(dirname(path), 'dataset_info.json');
  return (await stat(beside).catch(() => undefined)) && noted(beside, z.unknown());
}

type Library = typeof import('apache-arrow');

/** The values of a column in a batch, by row. */
function columnOf(batch: RecordBatch, place: number, library: Library): (row: number) => unknown {
  const column: Vector = batch.getChildAt(place)!;
  return (row) => {
    const value: unknown = column.get(row);
    // The library puts U+FFFD where bytes are not UTF-8.
    if (typeof value === 'string' && value.includes('\uFFFD')) return brokenText(column, row, library) ?? value;
    return plain(value, library);
  };
}

/** A text whose bytes are not UTF-8; undefined: they are, or can't be seen. */
function brokenText(column: Vector, row: number, { DataType }: Library): BrokenText | undefined {
  const [data] = column.data;
  if (!data || !(DataType.isUtf8(column.type) || DataType.isLargeUtf8(column.type))) return undefined;
  const [start, end] = [Number(data.valueOffsets[row]), Number(data.valueOffsets[row + 1])];
  const bytes = (data.values as Uint8Array).subarray(start, end);
  return isUtf8(bytes) ? undefined : new BrokenText(bytes);
}

/** Lists and records of the library as those of JavaScript. */
function plain(value: unknown, library: Library): unknown {
  if (value instanceof library.Vector) return [...value].map((each) => plain(each, library));
  if (value instanceof library.StructRow) {
    return Object.fromEntries([...value].map(([name, each]) => [String(name), plain(each, library)]));
  }
  return value;
}
