/** A data set format: a label in brackets and a text in each line, such as `[weather] It will rain.` */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { ColumnSettings, Plugin, PluginKit, SourceRow, TextFormat } from 'tempbalance';

async function* readRows(path: string, names: readonly string[]): AsyncGenerator<SourceRow> {
  let row = 0;
  for await (const line of createInterface({ input: createReadStream(path, 'utf8') })) {
    row += 1;
    if (line.trim() === '') continue;
    const [, label, text] = /^\[([^\]]+)\] (.+)$/.exec(line) ?? [];
    const columns: Readonly<Record<string, string | undefined>> = { label, text };
    if (text === undefined) yield { row, problem: 'is not a label in brackets, a space and a text' };
    else yield { row, values: names.map((name) => columns[name]) };
  }
}

export default ({ z, columnSettings }: PluginKit): Plugin => {
  const taggedLines: TextFormat<ColumnSettings> = {
    name: 'taggedLines',
    kind: 'text',
    configSchema: z.strictObject({
      format: z.literal('taggedLines').describe('A label in brackets and a text in each line.'),
      ...columnSettings,
    }),
    unit: 'line',
    wanted: 'one file of lines with labels',
    endings: ['tagged'],
    read: (path, choose) => readRows(path, choose(['text', 'label'])),
  };
  return { textFormats: [taggedLines] };
};
