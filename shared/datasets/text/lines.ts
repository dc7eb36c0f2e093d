/** Plain text: a document in each line. */
import { z } from 'zod';
import { brokenUtf8, byteLines } from './byte-lines.ts';
import { plainSettings } from './settings.ts';
import type { SourceRow } from './source.ts';
import type { TextFormat } from './text-format.ts';

const configSchema = z.strictObject({
  format: z.literal('lines').describe('Plain text, one document in each line.'),
  ...plainSettings,
});

/** Reads a text from each line; empty lines are skipped. */
export const lines = {
  name: 'lines',
  kind: 'text',
  configSchema,
  unit: 'line',
  wanted: 'one text file',
  endings: ['txt'],
  read: readLines,
} as const satisfies TextFormat<z.output<typeof configSchema>>;

async function* readLines(path: string): AsyncGenerator<SourceRow> {
  for await (const line of byteLines(path)) {
    const problem = brokenUtf8(line);
    const text = line.bytes.toString('utf8').trim();
    if (problem !== undefined) yield { row: line.number, problem };
    else if (text !== '') yield { row: line.number, values: [text] };
  }
}
