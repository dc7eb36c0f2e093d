/** Apache Parquet, as data sets on the Hugging Face Hub are stored. */
import { isUtf8 } from 'node:buffer';
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  parquetSchema,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { z } from 'zod';
import { BrokenInputError, messageOf, UserError } from '../../core/errors.ts';
import { classesNoted, infoInMetadata } from './noted-classes.ts';
import { columnSettings } from './settings.ts';
import { BrokenText, type ChooseColumns, type SourceRow } from './source.ts';
import type { TextFormat } from './text-format.ts';
import { isPacked, mostRows, mostTextBytes, tooLarge, tooMuch, unpackedFile } from './unpacked.ts';

const configSchema = z.strictObject({
  format: z.literal('parquet').describe('Apache Parquet.'),
  ...columnSettings,
});

/** Reads the chosen columns, a row group at a time. */
export const parquet = {
  name: 'parquet',
  kind: 'text',
  configSchema,
  unit: 'row',
  wanted: 'one Parquet file',
  endings: ['parquet'],
  hasSchema: true,
  read: readRows,
} as const satisfies TextFormat<z.output<typeof configSchema>>;

/** Text is decoded here, since the library would put U+FFFD where bytes are not UTF-8. */
const parsers = {
  stringFromBytes: (bytes: Uint8Array | undefined) =>
    bytes &&
    (isUtf8(bytes)
      ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
      : new BrokenText(bytes)),
};

async function bufferOf(path: string): Promise<AsyncBuffer> {
  if (!(await isPacked(path))) return asyncBufferFromFile(path);
  const bytes = await unpackedFile(path);
  return {
    byteLength: bytes.byteLength,
    slice: (start, end) => new Uint8Array(bytes.subarray(start, end)).buffer,
  };
}

async function metadataOf(path: string, file: AsyncBuffer): Promise<FileMetaData> {
  const marks = [await file.slice(0, 4), await file.slice(Math.max(0, file.byteLength - 4))];
  const [hasStart, hasEnd] = marks.map((mark) => Buffer.from(mark).toString('latin1') === 'PAR1');
  if (!hasStart) {
    throw new UserError('is not a Parquet file', { where: path, remedy: 'Check `dataset.path` and `dataset.format`.' });
  }
  if (!hasEnd) {
    throw new BrokenInputError('is cut off: a Parquet file ends with "PAR1"', {
      where: path,
      remedy: 'Fetch or write the file again.',
    });
  }
  return parquetMetadataAsync(file, { parsers }).catch((cause) => refuse(path, cause));
}

function refuse(path: string, cause: unknown): never {
  throw new BrokenInputError(`can't be read as Parquet: ${messageOf(cause)}`, {
    where: path,
    remedy: 'The file is probably damaged: fetch or write it again.',
    cause,
  });
}

/** Names of the classes that the Hugging Face library has noted for a column of numbers. */
const classNames = ({ key_value_metadata: entries }: FileMetaData, column: string, inLists: boolean) =>
  classesNoted(infoInMetadata(entries?.find(({ key }) => key === 'huggingface')?.value), column, inLists);

/** @throws UserError when the chosen columns have more than fits, by what the file says of each part of them. */
function refuseTooLarge(path: string, { row_groups: groups }: FileMetaData, columns: readonly string[]): void {
  const total = (of: 'total_compressed_size' | 'total_uncompressed_size') =>
    groups
      .flatMap((group) => group.columns)
      .flatMap(({ meta_data: part }) => (part && columns.includes(part.path_in_schema[0]!) ? [Number(part[of])] : []))
      .reduce((sum, bytes) => sum + bytes, 0);
  const unpacked = total('total_uncompressed_size');
  // A million rows of one text are a few bytes.
  const held = { rows: groups.reduce((sum, { num_rows: rows }) => sum + Number(rows), 0), bytes: unpacked };
  if (held.rows > mostRows()) throw tooMuch(path, held);
  if (unpacked > mostTextBytes()) throw tooLarge(path, unpacked, total('total_compressed_size'));
}

async function* readRows(path: string, choose: ChooseColumns): AsyncGenerator<SourceRow> {
  const file = await bufferOf(path);
  const metadata = await metadataOf(path, file);
  const present = parquetSchema(metadata).children.map(({ element }) => element.name);
  const columns = [...choose(present, (column, inLists = false) => classNames(metadata, column, inLists))];
  refuseTooLarge(path, metadata, columns);
  let row = 1;
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    let read: unknown[][] = [];
    await parquetRead({
      file,
      metadata,
      columns,
      rowStart,
      rowEnd,
      compressors,
      parsers,
      onComplete: (rows) => {
        read = rows;
      },
    }).catch((cause) => refuse(path, cause));
    for (const values of read) yield { row: row++, values };
    rowStart = rowEnd;
  }
}
