import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTextDataset, textDatasetSchema } from '../../../shared/datasets/text/registry.ts';
import { fixturePath } from '../../support/fixtures.ts';
import { refusalOf } from '../../support/text.ts';

const open = (path: string, settings: object = {}, context: object = {}) => {
  const config = textDatasetSchema.parse({ format: 'arrow', path, ...settings });
  return openTextDataset(config, path, { seed: 1, ...context });
};
const saved = fixturePath('text', 'saved');
const texts = [
  'a fine film',
  'dull and long',
  'caf\u00E9 \u4F60\u597D \u{1F600}',
  'twice',
  'never again',
  'quite good',
];

describe('a folder that the datasets library saved', () => {
  it('has parts, shards and the names of classes', async () => {
    const { examples, validation, columns, warnings } = await open(saved, {
      split: 'train',
      validationSplit: 'validation',
    });
    expect(examples).toMatchObject({ texts: texts.slice(0, 4), labels: Int32Array.of(1, 0, 1, 1), rows: [1, 2, 3, 4] });
    expect(examples.labelNames).toEqual(['neg', 'pos']);
    expect(validation).toMatchObject({
      texts: texts.slice(4),
      labels: Int32Array.of(0, 1),
      labelNames: ['neg', 'pos'],
    });
    expect(columns).toEqual(['text', 'label']);
    expect(warnings).toContain('the part train is trained on (4 rows), the part validation is validated on (2 rows)');
  });

  it('may be one part, or one file', async () => {
    expect((await open(join(saved, 'train'))).examples.texts).toEqual(texts.slice(0, 4));
    const file = join(saved, 'train/data-00001-of-00002.arrow');
    const { examples } = await open(file);
    expect([examples.texts, examples.labelNames]).toEqual([texts.slice(2, 4), ['neg', 'pos']]);
  });

  it('may hold lists of messages', async () => {
    const { examples } = await open(fixturePath('text', 'chats.arrow'), { columns: { label: false } }, { chats: true });
    expect(examples.chats).toEqual([
      {
        kind: 'messages',
        messages: [
          { role: 'user', content: 'hi' },
          { role: 'assistant', content: 'hello' },
        ],
      },
    ]);
  });

  it('has bad rows named by number', async () => {
    const { message } = await refusalOf(open(fixturePath('text', 'bad-rows.arrow')));
    expect(message).toContain('  row 2, "text": is not UTF-8: byte 3 of the text\n  row 3, "text": is missing');
  });
});

describe('as saved data sets are refused', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'arrow-'));
    await cp(saved, join(folder, 'saved'), { recursive: true });
  });
  afterAll(() => rm(folder, { recursive: true }));
  const refusal = async (path: string, settings: object = {}) =>
    (await refusalOf(open(join(folder, path), settings))).message.replaceAll(`${folder}/`, '');
  const changed = async (change: (state: Record<string, unknown>) => void) => {
    const path = join(folder, 'saved/validation/state.json');
    const text = await readFile(join(saved, 'validation/state.json'), 'utf8');
    const state = JSON.parse(text) as Record<string, unknown>;
    change(state);
    await writeFile(path, JSON.stringify(state));
    const message = await refusal('saved/validation');
    await writeFile(path, text);
    return message;
  };

  it('several parts of which none is named, or one that is not there', async () => {
    expect(await refusal('saved')).toBe(
      'saved: has several parts; its parts are train, validation\n  Name one, e.g. `dataset.split: train`.',
    );
    expect(await refusal('saved', { split: 'test' })).toContain('has no part test; its parts are train, validation');
    expect(await refusal('saved', { split: 'train', validationSplit: 'dev' })).toContain(
      'has no part dev; its parts are train, validation\n  Name one, e.g. `dataset.validationSplit: train`.',
    );
    expect(await refusal('saved/train', { split: 'train' })).toContain('is no part of a data set, not train');
  });

  it('rows that were chosen by a list, and notes of another form', async () => {
    expect(
      await changed((state) => {
        state._indices_files = [{ filename: 'indices.arrow' }];
      }),
    ).toContain('was saved with a list of chosen rows');
    expect(
      await changed((state) => {
        state._data_files = 'data.arrow';
      }),
    ).toContain('saved/validation/state.json: is not as the `datasets` library writes it');
    expect(
      await changed((state) => {
        state._data_files = [{ filename: 'gone.arrow' }];
      }),
    ).toContain('saved/validation/gone.arrow: there is no such file');
  });

  it('files that are cut off, damaged or of another kind', async () => {
    const path = join(folder, 'one.arrow');
    const bytes = await readFile(join(saved, 'validation/data-00000-of-00001.arrow'));
    await writeFile(path, bytes.subarray(0, bytes.length - 8));
    expect(await refusal('one.arrow')).toContain('one.arrow: is cut off: its record batches do not end');
    await writeFile(path, Buffer.concat([bytes.subarray(0, 40), Buffer.alloc(300, 0xee), bytes.subarray(-8)]));
    expect(await refusal('one.arrow')).toContain("can't be read as Arrow: ");
    await writeFile(path, '{"text":"one"}\n');
    expect(await refusal('one.arrow')).toContain('is not an Arrow file');
  });
});
