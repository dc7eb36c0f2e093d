/** Comma- or tab-separated values, with the names of the columns in the first line. */
import { parse } from 'csv-parse';
import { z } from 'zod';
import { BrokenInputError, UserError } from '../../core/errors.ts';
import { brokenUtf8, byteLines } from './byte-lines.ts';
import { columnSettings } from './settings.ts';
import type { ChooseColumns, SourceRow } from './source.ts';
import type { TextFormat } from './text-format.ts';

const delimiters = { comma: ',', tab: '\t', semicolon: ';' } as const;

const configSchema = z.strictObject({
  format: z.literal('csv').describe('Comma- or tab-separated values. The first line has the names of the columns.'),
  ...columnSettings,
  delimiter: z
    .enum(['comma', 'tab', 'semicolon'])
    .optional()
    .describe('The separator of columns. Absent: a tab if the name ends in .tsv (also compressed), else a comma.'),
  quotes: z
    .boolean()
    .optional()
    .describe(
      'Whether double quotes enclose values. Absent: yes, but not if tabs separate the columns: in the files of GLUE, quotes are part of the text.',
    ),
});

/** A record longer than this, in bytes, is taken for a quote that is never closed. */
const longestRecord = 16 * 1024 * 1024;

type CsvConfig = z.output<typeof configSchema>;

/** Reads CSV (RFC 4180) and TSV; empty lines are skipped. */
export const csv = {
  name: 'csv',
  kind: 'text',
  configSchema,
  unit: 'line',
  wanted: 'one CSV file',
  endings: ['csv', 'tsv'],
  hasSchema: true,
  textsOnly: true,
  read: (path, choose, config) => readCsv(path, config, choose),
} as const satisfies TextFormat<CsvConfig>;

interface CsvRecord {
  /** The number of the record's first line in the file, from 1. */
  readonly row: number;
  readonly cells: readonly string[];
}

async function* readCsv(path: string, config: CsvConfig, choose: ChooseColumns): AsyncGenerator<SourceRow> {
  let header: CsvRecord | undefined;
  let places: readonly number[] = [];
  for await (const item of recordsOf(path, config)) {
    if ('problem' in item) {
      yield item;
      continue;
    }
    const { row, cells } = item;
    if (!header) {
      header = item;
      refuseOtherDelimiter(path, config, cells);
      const twice = cells.find((name, index) => cells.indexOf(name) < index);
      const chosen = choose(cells);
      if (twice !== undefined && chosen.includes(twice)) {
        throw new BrokenInputError(`has two columns "${twice}"`, { where: path, remedy: 'Rename one of them.' });
      }
      places = chosen.map((name) => cells.indexOf(name));
    } else if (cells.length !== header.cells.length) {
      const wanted = `${header.cells.length} (${header.cells.join(', ')})`;
      yield { row, problem: `has ${cells.length} ${cells.length === 1 ? 'value' : 'values'} instead of ${wanted}` };
    } else yield { row, values: places.map((place) => cells[place]) };
  }
}

const delimiterOf = (path: string, { delimiter }: CsvConfig) =>
  delimiter ?? (/\.tsv(\.(gz|zst))?$/i.test(path) ? 'tab' : 'comma');

/** @throws UserError when a header of one name has what separates columns otherwise. */
function refuseOtherDelimiter(path: string, config: CsvConfig, [name = '', ...more]: readonly string[]): void {
  const others = Object.entries(delimiters).filter(([, character]) => more.length === 0 && name.includes(character));
  const [other] = others.find(([each]) => each !== delimiterOf(path, config)) ?? [];
  if (other === undefined) return;
  throw new UserError(`has one column, ${JSON.stringify(name)}`, {
    where: path,
    remedy: `Set \`dataset.delimiter\` to ${other} if that separates its columns.`,
  });
}

async function* recordsOf(
  path: string,
  config: CsvConfig,
): AsyncGenerator<CsvRecord | Extract<SourceRow, { problem: string }>> {
  const delimiter = delimiters[delimiterOf(path, config)];
  const quoted = config.quotes ?? delimiter !== '\t';
  const ready: CsvRecord[] = [];
  let lastLine = 0;
  let extraLines = 0;
  const parser = parse({
    delimiter,
    quote: quoted ? '"' : null,
    // Quotes inside an unquoted value are part of it.
    relax_quotes: true,
    relax_column_count: true,
    skip_empty_lines: true,
    record_delimiter: ['\r\n', '\n'],
    max_record_size: longestRecord,
    on_record(cells: string[], { lines }) {
      const count = (character: string) => cells.reduce((sum, cell) => sum + cell.split(character).length - 1, 0);
      // The parser counts a line at a carriage return within a value, too.
      extraLines += count('\r');
      lastLine = lines - extraLines;
      ready.push({ row: lastLine - count('\n'), cells });
      return null;
    },
  });
  let failure: Error | undefined;
  parser.on('error', (error) => {
    failure ??= error;
  });
  for await (const line of byteLines(path)) {
    const problem = brokenUtf8(line);
    if (problem !== undefined) yield { row: line.number, problem };
    parser.write(line.bytes);
    if (ready.length > 0) yield* ready.splice(0);
    if (failure) break;
  }
  if (!failure) await new Promise<void>((resolve) => parser.once('error', () => resolve()).end(resolve));
  yield* ready;
  if (failure) yield { row: lastLine + 1, problem: csvProblem(failure), isFatal: true };
}

function csvProblem(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'CSV_QUOTE_NOT_CLOSED' || code === 'CSV_MAX_RECORD_SIZE') {
    return 'here or soon after, a quote is opened that is never closed (with `quotes: false`, quotes are part of the text)';
  }
  return `is not CSV: ${error.message}`;
}
