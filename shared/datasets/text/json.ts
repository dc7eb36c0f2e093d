/** A JSON list of objects, or an object with such a list under `data`. */
import { z } from 'zod';
import { BrokenInputError, TooLargeError, UserError } from '../../core/errors.ts';
import { formatBytes } from '../../core/format.ts';
import { memoryLimit } from '../../core/memory-limit.ts';
import { firstBroken } from './byte-lines.ts';
import { jsonInWords } from './jsonl.ts';
import { parseJson } from './parse-json.ts';
import { columnSettings } from './settings.ts';
import type { ChooseColumns, SourceRow } from './source.ts';
import type { TextFormat } from './text-format.ts';
import { sizeInWords, unpackedFile } from './unpacked.ts';

const configSchema = z.strictObject({
  format: z.literal('json').describe('A JSON list of objects, or an object with the list under `data`.'),
  ...columnSettings,
});

/** A list is parsed as a whole, so that larger files are better read line by line. V8 has no longer strings either. */
const mostAnywhere = 400_000_000;

/** Of memory: the bytes, the text and its objects are there at once. */
const shareOfMemory = 1 / 10;

const mostBytes = () => Math.floor(Math.min(mostAnywhere, memoryLimit().bytes * shareOfMemory));

/** Reads a JSON list of objects. */
export const json = {
  name: 'json',
  kind: 'text',
  configSchema,
  unit: 'row',
  wanted: 'one JSON file',
  endings: ['json'],
  read: readRows,
} as const satisfies TextFormat<z.output<typeof configSchema>>;

async function* readRows(path: string, choose: ChooseColumns): AsyncGenerator<SourceRow> {
  const rows = listIn(path, await parsed(path));
  const present = new Set<string>();
  for (const row of rows) if (isObject(row)) for (const key of Object.keys(row)) present.add(key);
  if (rows.length === 0) return;
  const chosen = choose([...present]);
  for (const [index, object] of rows.entries()) {
    const row = index + 1;
    if (!isObject(object)) yield { row, problem: `is not an object but ${jsonInWords(object)}` };
    else yield { row, values: chosen.map((name) => object[name]) };
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

async function parsed(path: string): Promise<unknown> {
  const bytes = await unpackedFile(path, mostBytes(), tooLargeList);
  const broken = firstBroken(bytes);
  if (broken !== undefined) {
    throw new BrokenInputError(`is not UTF-8: byte ${broken} of the file`, {
      where: path,
      remedy: 'Save it as UTF-8.',
    });
  }
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  try {
    return parseJson(text);
  } catch (cause) {
    const isLines = /^\s*\{.*\}\s*\n\s*\{/.test(text.slice(0, 100_000));
    throw new BrokenInputError(
      isLines ? 'is JSON lines, not a JSON list' : `is not JSON: ${(cause as Error).message}`,
      {
        where: path,
        remedy: isLines ? 'Set `dataset.format` to jsonl.' : 'Write the file again.',
        cause,
      },
    );
  }
}

const tooLargeList = (where: string, bytes: number, packed: number | undefined) =>
  new TooLargeError(`${sizeInWords(bytes, packed)}, and a JSON list of at most ${formatBytes(mostBytes())} is read`, {
    where,
    remedy: "Write one object in each line, e.g. with `jq -c '.[]'`, and set `dataset.format` to jsonl.",
  });

function listIn(path: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (isObject(value) && Array.isArray(value.data)) return value.data;
  const keys = isObject(value) ? Object.keys(value) : [];
  const has = keys.length > 0 ? `an object with ${keys.slice(0, 10).join(', ')}` : jsonInWords(value);
  throw new UserError(`is not a list of objects, but ${has}`, {
    where: path,
    remedy: 'Write a list, `[{"text": ...}, ...]`, or an object with one under `data`.',
  });
}
