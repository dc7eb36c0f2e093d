import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DataPath } from '../../../shared/datasets/data-path.ts';
import { fingerprintFile } from '../../../shared/datasets/fingerprint.ts';
import { openTextDataset, textDatasetSchema } from '../../../shared/datasets/text/registry.ts';
import { splitOfName } from '../../../shared/datasets/text/text-files.ts';
import { refusalOf } from '../../support/text.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'shards-'));
});
afterAll(() => rm(root, { recursive: true }));

const file = async (name: string, ...rows: object[]) => {
  const path = join(root, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
};
const at = (path: DataPath) => (typeof path === 'string' ? join(root, path) : path.map((each) => join(root, each)));
const open = (path: DataPath, settings: object = {}) => {
  const config = textDatasetSchema.parse({ format: 'jsonl', path: at(path), ...settings });
  return openTextDataset(config, at(path), { seed: 1 });
};
const refusal = async (path: DataPath, settings: object = {}) =>
  (await refusalOf(open(path, settings))).message.replaceAll(`${root}/`, '');
const textsOf = async (path: DataPath, settings: object = {}) => (await open(path, settings)).examples.texts;

describe('texts in several files', () => {
  beforeAll(async () => {
    for (const [index, words] of [['one', 'two'], ['three'], ['four', 'five']].entries()) {
      const rows = words.map((text, place) => ({ text, label: place % 2 }));
      await file(`parts/train-0000${index}-of-00003.jsonl`, ...rows);
    }
    await writeFile(join(root, 'parts/README.md'), 'about them');
  });
  const all = ['one', 'two', 'three', 'four', 'five'];

  it('are one data set: a folder and a pattern in the order of names, a list in its own', async () => {
    expect(await textsOf('parts')).toEqual(all);
    expect(await textsOf('parts/train-*.jsonl')).toEqual(all);
    const list = ['parts/train-00002-of-00003.jsonl', 'parts/train-00000-of-00003.jsonl'];
    expect(await textsOf(list)).toEqual(['four', 'five', 'one', 'two']);
    expect(await textsOf(['parts/train-*0-of*', 'parts/train-00001-of-00003.jsonl'])).toEqual(['one', 'two', 'three']);
  });

  it('have rows that are named with their file', async () => {
    await file('bad/a.jsonl', { text: 'one' }, { text: 'two' });
    await file('bad/b.jsonl', { text: 'three' }, { text: '' });
    expect(await refusal('bad')).toBe(
      'bad: 1 of 4 rows can\'t be used:\n  line 2 of b.jsonl, "text": is empty\n  Mend or remove this row.',
    );
    await file('twice/a.jsonl', { text: 'one', label: 'x' }, { text: 'two', label: 'y' });
    await file('twice/b.jsonl', { text: 'one', label: 'y' });
    expect((await open('twice')).warnings).toEqual([
      '1 text contradicts an earlier row: "one" is x in line 1 of a.jsonl and y in line 1 of b.jsonl',
    ]);
  });

  it('have the labels of all of them', async () => {
    await file('labels/a.jsonl', { text: 'one', label: 'x' });
    await file('labels/b.jsonl', { text: 'two', label: 'a' });
    const { examples } = await open('labels');
    expect(examples.labelNames).toEqual(['a', 'x']);
    expect([...examples.labels!]).toEqual([1, 0]);
  });

  it('may be validated on and tested on, too', async () => {
    await file('held/x.jsonl', { text: 'six', label: 0 });
    await file('held/y.jsonl', { text: 'seven', label: 1 });
    const data = await open('parts', { validationPath: at('held'), test: { path: at('held/*.jsonl') } });
    expect(data.validation!.texts).toEqual(['six', 'seven']);
    expect(data.test!.texts).toEqual(['six', 'seven']);
  });

  it('have a fingerprint of all of them', async () => {
    const before = await fingerprintFile(join(root, 'labels/*.jsonl'));
    await file('labels/b.jsonl', { text: 'two', label: 'b' });
    expect(await fingerprintFile(join(root, 'labels/*.jsonl'))).not.toEqual(before);
    await file('labels/c.jsonl');
    expect((await fingerprintFile(join(root, 'labels/*.jsonl'))).bytes).toBe(before.bytes);
    await rm(join(root, 'labels/c.jsonl'));
  });

  it('may have a name with a character of patterns', async () => {
    await file('odd[1].jsonl', { text: 'one' });
    expect(await textsOf('odd[1].jsonl')).toEqual(['one']);
  });
});

describe('as several files of texts are refused', () => {
  it('files of unlike columns', async () => {
    const csv = async (name: string, content: string) => {
      await mkdir(join(root, 'csv'), { recursive: true });
      await writeFile(join(root, 'csv', name), content);
    };
    await csv('a.csv', 'text,label\none,x\n');
    await csv('b.csv', 'text,stars,id\ntwo,x,7\n');
    expect(await refusal('csv', { format: 'csv' })).toBe(
      'csv/b.csv: has other columns than csv/a.csv: without "label", with "stars" and "id"\n  Give files of one table, or write them again with the same columns.',
    );
    await file('jsonl/a.jsonl', { text: 'one', label: 'x' });
    await file('jsonl/b.jsonl', { text: 'two' });
    expect(await refusal('jsonl')).toContain('jsonl/b.jsonl: has no column "label"');
  });

  it('patterns and folders that nothing fits, and folders of the datasets library', async () => {
    expect(await refusal('parts/none-*.jsonl')).toBe(
      'parts/none-*.jsonl: no file is called so\n  Check `dataset.path` in the run file.',
    );
    expect(await refusal('parts', { format: 'parquet' })).toContain(
      'is a folder without a file that ends in .parquet\n  It has README.md, train-00000-of-00003.jsonl',
    );
    await file('saved/state.json');
    expect(await refusal('saved')).toContain('Set `dataset.format` to arrow.');
    const inS3 = textDatasetSchema.safeParse({ format: 'jsonl', path: 's3://bucket/train-*.jsonl' });
    expect(inS3.error!.issues[0]!.message).toContain('has a pattern in S3');
  });
});

describe('parts of a data set', () => {
  beforeAll(async () => {
    await file('both/train-00000-of-00002.jsonl', { text: 'one' });
    await file('both/train-00001-of-00002.jsonl', { text: 'two' });
    await file('both/validation-00000-of-00001.jsonl', { text: 'three' });
  });

  it('are told by the names of files', () => {
    expect(splitOfName('train-00000-of-00003.parquet')).toBe('train');
    expect(splitOfName('my_part-00000-of-00003.parquet')).toBe('my_part');
    expect(splitOfName('test.csv.gz')).toBe('test');
    expect(splitOfName('dev_2.jsonl')).toBe('dev');
    expect(splitOfName('reviews.jsonl')).toBeUndefined();
  });

  it('are taken by name, which is said', async () => {
    const data = await open('both', { split: 'train', validationSplit: 'validation' });
    expect([data.examples.texts, data.validation!.texts]).toEqual([['one', 'two'], ['three']]);
    expect(data.warnings).toEqual([
      'the part train is trained on (2 rows), the part validation is validated on (1 rows)',
    ]);
    expect(await textsOf('both/*.jsonl', { split: 'validation' })).toEqual(['three']);
  });

  it('are not mixed, nor guessed', async () => {
    expect(await refusal('both')).toBe(
      'dataset.path: the files are of several parts of a data set (train: train-00000-of-00002.jsonl, train-00001-of-00002.jsonl; validation: validation-00000-of-00001.jsonl)\n  Name one, e.g. `dataset.split: train`, or give a pattern that fits its files alone.',
    );
    expect(await refusal('both', { split: 'test' })).toContain('no file is of the part test (train: ');
    const settings = { split: 'train', validationSplit: 'train' };
    expect(await refusal('both', settings)).toContain('names the part that is trained on (train)');
    expect(await refusal('both', { validationSplit: 'train' })).toContain('Set `split`, too.');
    expect(await refusal('both', { split: 'train', validationSplit: 'validation', validationPath: 'x' })).toContain(
      'Leave one of the two out.',
    );
  });
});
