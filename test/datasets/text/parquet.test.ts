import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openTexts } from '../../../shared/datasets/text/open-text.ts';
import { parquet } from '../../../shared/datasets/text/parquet.ts';
import { fixturePath } from '../../support/fixtures.ts';
import { refusalOf, scratchFolder } from '../../support/text.ts';

const file = scratchFolder();
const config = (settings: object) => parquet.configSchema.parse({ format: 'parquet', path: 'unused', ...settings });
const open = (path: string, settings: object = {}) => openTexts(parquet, config(settings), path, { seed: 1 });
const fixture = (name: string) => fixturePath('text', `${name}.parquet`);

const texts = [
  'a fine film',
  'dull and long',
  'caf\u00E9 \u4F60\u597D \u{1F600}',
  'twice',
  'never again',
  'quite good',
];

describe('a Parquet file', () => {
  it.each(['snappy', 'zstd', 'gzip', 'brotli', 'lz4', 'none'])(
    'with %s compression is read by row groups',
    async (name) => {
      const { examples, columns } = await open(fixture(name));
      expect(examples).toEqual({
        kind: 'text',
        texts,
        pairs: texts.map((_, index) => `pair ${index}`),
        labels: Int32Array.of(1, 0, 1, 1, 0, 1),
        labelNames: ['0', '1'],
        rows: [1, 2, 3, 4, 5, 6],
        unit: 'row',
      });
      expect(columns).toEqual(['id', 'text', 'text_pair', 'label', 'tokens']);
    },
  );

  it('may be gzipped as a whole', async () => {
    const path = await file('data.parquet', gzipSync(await readFile(fixture('snappy'))));
    expect((await open(path)).examples.texts).toEqual(texts);
  });

  it('has the names of its classes where it notes them, unless the settings give others', async () => {
    expect((await open(fixture('class-label'))).examples.labelNames).toEqual(['neg', 'pos']);
    expect((await open(fixture('class-label'), { labels: ['bad', 'good'] })).examples.labelNames).toEqual([
      'bad',
      'good',
    ]);
  });

  it('names the classes of its validation file alike', async () => {
    const { validation } = await open(fixture('class-label'), { validationPath: fixture('class-label') });
    expect([...validation!.labels!]).toEqual([1, 0, 1, 1, 0, 1]);
    expect(validation!.labelNames).toEqual(['neg', 'pos']);
    const { message } = await refusalOf(
      open(fixture('class-label'), { validationPath: fixture('class-label-other-way') }),
    );
    expect(message).toContain('names its classes pos, neg, and the training data neg, pos');
  });

  it('has bad rows named by number', async () => {
    const { message } = await refusalOf(open(fixture('bad-rows')));
    expect(message.split('\n').slice(1)).toEqual([
      '  row 2, "text": is not UTF-8: byte 3 of the text',
      '  row 3, "text": is missing',
      '  row 4, "text": is empty',
      '  row 5, "label": is NaN',
      '  Mend or remove these rows (the first is row 1).',
    ]);
  });
});

describe('as Parquet are refused', () => {
  it('other files and those that are cut off or damaged', async () => {
    const bytes = await readFile(fixture('snappy'));
    const cut = await file('cut.parquet', bytes.subarray(0, bytes.length - 100));
    expect((await refusalOf(open(cut))).message).toContain('is cut off: a Parquet file ends with "PAR1"');
    expect((await refusalOf(open(await file('other', '{"text":"x"}')))).message).toContain('is not a Parquet file');
    const damaged = Buffer.from(bytes);
    damaged.fill(0xff, 20, 400);
    expect((await refusalOf(open(await file('damaged', damaged)))).message).toContain("can't be read as Parquet: ");
  });

  it('columns that are not there or hold lists', async () => {
    const { message } = await refusalOf(open(fixture('snappy'), { columns: { text: 'texts' } }));
    expect(message).toContain('has no column "texts"\n  Did you mean "text"? It has: "id", "text", "text_pair"');
    const lists = await refusalOf(open(fixture('snappy'), { columns: { text: 'tokens' } }));
    expect(lists.message).toContain('row 1, "tokens": is a list, not text');
  });
});
