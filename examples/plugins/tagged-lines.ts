/** A data set format: a label in brackets and a text in each line, such as `[weather] It will rain.` */
import type { ColumnSettings, Plugin, PluginKit, SourceRow, TextFormat } from 'tempbalance';

export default ({ z, columnSettings, byteLines, brokenUtf8 }: PluginKit): Plugin => {
  async function* readRows(path: string, names: readonly string[]): AsyncGenerator<SourceRow> {
    for await (const line of byteLines(path)) {
      const row = line.number;
      const broken = brokenUtf8(line);
      const content = line.bytes.toString('utf8').trim();
      const [, label, text] = /^\[([^\]]+)\] (.+)$/.exec(content) ?? [];
      const columns: Readonly<Record<string, string | undefined>> = { label, text };
      if (broken !== undefined) yield { row, problem: broken };
      else if (content === '') continue;
      else if (text === undefined) yield { row, problem: 'is not a label in brackets, a space and a text' };
      else yield { row, values: names.map((name) => columns[name]) };
    }
  }

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
