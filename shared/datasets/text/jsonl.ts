/** JSON lines: an object in each line. */
import { z } from 'zod';
import { messageOf, UserError } from '../../core/errors.ts';
import { brokenUtf8, byteLines } from './byte-lines.ts';
import { parseJson } from './parse-json.ts';
import { columnSettings } from './settings.ts';
import type { ChooseColumns, SourceRow } from './source.ts';
import type { TextFormat } from './text-format.ts';

const configSchema = z.strictObject({
  format: z.literal('jsonl').describe('JSON lines.'),
  ...columnSettings,
});

/** Reads JSON lines; empty lines are skipped. */
export const jsonl = {
  name: 'jsonl',
  kind: 'text',
  configSchema,
  unit: 'line',
  wanted: 'one file of JSON lines',
  endings: ['jsonl', 'ndjson'],
  read(path, choose, config, { likely }) {
    const { textPair, label } = likely ?? {};
    const pairs = config.columns.textPair === false ? [] : ['text_pair', textPair];
    const names = config.columns.label === false ? pairs : [...pairs, 'label', label];
    const optional = names.filter((name) => name !== undefined);
    return readJsonLines(path, choose, optional);
  },
} as const satisfies TextFormat<z.output<typeof configSchema>>;

/** @param optional columns that are used where a file has them: it must not have them in some rows only. */
async function* readJsonLines(
  path: string,
  choose: ChooseColumns,
  optional: readonly string[],
): AsyncGenerator<SourceRow> {
  let first: { row: number; keys: Set<string> } | undefined;
  let chosen: readonly string[] = [];
  for await (const line of byteLines(path)) {
    const row = line.number;
    const broken = brokenUtf8(line);
    if (broken !== undefined) {
      yield { row, problem: broken };
      continue;
    }
    const text = line.bytes.toString('utf8').trim();
    if (text === '') continue;
    if (row === 1 && text.startsWith('[')) {
      throw new UserError('is a JSON list, not JSON lines', {
        where: path,
        remedy: 'Set `dataset.format` to json.',
      });
    }
    const object = parseObject(text);
    if (typeof object === 'string') {
      yield { row, problem: object };
      continue;
    }
    if (!first) {
      first = { row, keys: new Set(Object.keys(object)) };
      chosen = choose([...first.keys]);
    }
    const { keys, row: firstRow } = first;
    const missing = chosen.find((name) => !Object.hasOwn(object, name));
    const extra = optional.find((name) => Object.hasOwn(object, name) && !keys.has(name));
    if (missing !== undefined) yield { row, problem: `has no "${missing}"` };
    else if (extra !== undefined) yield { row, problem: `has "${extra}", which line ${firstRow} has not` };
    else yield { row, values: chosen.map((name) => object[name]) };
  }
}

/** The object in a line, or what is wrong with it. */
function parseObject(text: string): Record<string, unknown> | string {
  try {
    const value = parseJson(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    return `is not an object but ${jsonInWords(value)}`;
  } catch (error) {
    const number = /[:[,]\s*(-?(?:NaN|Infinity))\s*[,}\]]/.exec(text)?.[1];
    // V8 counts lines and columns within the row, which would be taken for those of the file.
    const what = messageOf(error).replace(/ \(line \d+ column \d+\)$/, '');
    return number === undefined ? `is not JSON: ${what}` : `is not JSON: ${number} is no JSON value`;
  }
}

/** A value that should be an object, in words. */
export const jsonInWords = (value: unknown): string =>
  Array.isArray(value) ? 'a list' : (typeof value === 'bigint' ? String(value) : JSON.stringify(value)).slice(0, 40);
