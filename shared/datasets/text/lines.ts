/** Plain text: a document in each line. */
import { z } from 'zod';
import type { DatasetFormat } from '../dataset.ts';
import { brokenUtf8, byteLines } from './byte-lines.ts';
import { openPlain } from './open-text.ts';
import { plainSettings } from './settings.ts';
import type { SourceRow, TextContext, TextSource } from './source.ts';
import type { TextData } from './text-rows.ts';

const configSchema = z.strictObject({
  format: z.literal('lines').describe('Plain text, one document in each line.'),
  ...plainSettings,
});

const source: TextSource = { unit: 'line', wanted: 'one text file', endings: ['txt'], read: readLines };

/** Reads a text from each line; empty lines are skipped. */
export const lines = {
  name: 'lines',
  kind: 'text',
  configSchema,
  open: (config, path, context) => openPlain(source, config, path, context),
} as const satisfies DatasetFormat<z.output<typeof configSchema>, TextData, TextContext>;

async function* readLines(path: string): AsyncGenerator<SourceRow> {
  for await (const line of byteLines(path)) {
    const problem = brokenUtf8(line);
    const text = line.bytes.toString('utf8').trim();
    if (problem !== undefined) yield { row: line.number, problem };
    else if (text !== '') yield { row: line.number, values: [text] };
  }
}
