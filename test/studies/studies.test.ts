import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { comparisonOf, loadComparison } from '../../shared/config/load-comparison.ts';
import { keptResult } from '../../studies/kept-result.ts';
import { makeData } from '../../studies/make-data.ts';
import { shortened, shortenedName } from '../../studies/shorten.ts';
import { studies } from '../../studies/studies.ts';

const temporary = () => mkdtemp(join(tmpdir(), 'tempbalance-test-'));

describe('makeData', () => {
  const made: string[] = [];
  const study = {
    data: {
      'a.txt': async (path: string) => {
        made.push(path);
        await writeFile(path, 'a');
      },
    },
  };

  it('makes what is missing once, and says so', async () => {
    const folder = await temporary();
    onTestFinished(() => rm(folder, { recursive: true }));
    const said: string[] = [];
    await makeData(study, join(folder, 'data'), (path) => said.push(path));
    await makeData(study, join(folder, 'data'), (path) => said.push(path));
    expect(said).toEqual([join(folder, 'data', 'a.txt')]);
    expect(made).toHaveLength(1);
    expect(await readdir(join(folder, 'data'))).toEqual(['a.txt']);
  });

  it('leaves no file under its name that was not finished', async () => {
    const folder = await temporary();
    onTestFinished(() => rm(folder, { recursive: true }));
    const broken = {
      data: {
        'b.txt': async (path: string) => {
          await writeFile(path, 'half of');
          throw new Error('no space left');
        },
      },
    };
    await expect(makeData(broken, folder, () => {})).rejects.toThrow('no space left');
    expect(await readdir(folder)).not.toContain('b.txt');
    await makeData({ data: { 'b.txt': (path) => writeFile(path, 'all of it') } }, folder, () => {});
    expect(await readFile(join(folder, 'b.txt'), 'utf8')).toBe('all of it');
  });
});

describe('the texts of the language study', async () => {
  const { data } = studies.language!;
  const [first, second] = await Promise.all([temporary(), temporary()]);
  await Promise.all([first, second].map((folder) => makeData({ data }, folder, () => {})));
  afterAll(() => Promise.all([first, second].map((folder) => rm(folder, { recursive: true }))));
  const lines = async (path: string) => (await readFile(path, 'utf8')).trim().split('\n').slice(1);

  it('are the same bits every time', async () => {
    for (const name of Object.keys(data)) {
      expect(await readFile(join(first, name))).toEqual(await readFile(join(second, name)));
    }
  });

  it('are apart: none of the pool, or of what is validated on, is in the test', async () => {
    const [pool, validation, test] = await Promise.all(Object.keys(data).map((name) => lines(join(first, name))));
    expect([pool!.length, validation!.length, test!.length]).toEqual([960, 120, 400]);
    expect(test!.filter((text) => pool!.includes(text) || validation!.includes(text))).toEqual([]);
    expect(validation!.filter((text) => pool!.includes(text))).toEqual([]);
  });

  it('are none of those that the example was made with', async () => {
    const known = await Promise.all(
      ['labelled.csv', 'validation.csv'].map((name) => lines(join('examples/topics', name))),
    );
    const pool = await lines(join(first, 'topics.csv'));
    expect(pool.filter((text) => known.flat().includes(text))).toEqual([]);
  });
});

const compareFiles = Object.values(studies).flatMap((study) => study.compareFiles);

it('every compare file of the folder is one of a study', async () => {
  const files = (await readdir('studies')).filter((name) => /^[^.]+\.yaml$/.test(name));
  const texts = await Promise.all(files.map((name) => readFile(join('studies', name), 'utf8')));
  expect(files.filter((_, index) => 'arms' in parse(texts[index]!))).toEqual(compareFiles.toSorted());
});

describe.each(compareFiles)('studies/%s', (file) => {
  const path = join('studies', file);

  it('has no problems, and is named like its file', async () => {
    const { settings } = await loadComparison(path);
    expect(settings.name).toBe(file.replace('.yaml', ''));
    expect(settings.arms.map(({ name }) => name)).toContain(settings.reference);
  });

  it('tests on seeds and rows that nothing is tuned on, of one file for all arms', async () => {
    const { settings } = await loadComparison(path);
    expect(settings.seeds.tuning.filter((seed) => settings.seeds.test.includes(seed))).toEqual([]);
    expect(new Set(settings.arms.map(({ config }) => JSON.stringify(config.dataset.test))).size).toBe(1);
  });

  it('is shortened to little of everything, without problems', async () => {
    const text = shortened(await readFile(path, 'utf8'), 'quick');
    const { settings } = await comparisonOf(text, shortenedName(path));
    expect(settings.arms.map(({ name }) => name)).toContain(settings.reference);
    expect(settings.arms.length).toBeLessThanOrEqual(3);
    expect(settings.seeds.test).toHaveLength(2);
    expect(settings.sizes).toHaveLength(1);
  });
});

describe('shortened', () => {
  const file = `run: run.yaml
set: { training.batchSize: 4 }
arms: { one: {}, two: {}, three: {}, base: { balance: off }, four: {} }
reference: base
rates: [0.1, 0.2, 0.3]
sizes: [96, 12]
seeds: { tuning: [101, 102], test: [1, 2, 3] }
metric: loss
`;

  it('keeps the reference and two other arms, and the beginning of every list', () => {
    expect(parse(shortened(file, 'quick'))).toEqual({
      run: 'run.yaml',
      metric: 'loss',
      name: 'quick',
      reference: 'base',
      set: { 'training.batchSize': 4, 'training.epochs': 3 },
      arms: { one: {}, two: {}, base: { balance: 'off' } },
      tune: { 'training.learningRate': [0.1, 0.2] },
      extensions: 0,
      seeds: { tuning: [101], test: [10_001, 10_002] },
      sizes: [12],
    });
  });

  it('adds nothing to tune where nothing is tuned', () => {
    const untuned = parse(shortened('run: a.yaml\narms: { plain: {}, a: {} }\nseeds: { test: [1] }\n', 'quick'));
    expect(untuned).not.toHaveProperty('tune');
    expect(untuned).not.toHaveProperty('extensions');
    expect(untuned).not.toHaveProperty('sizes');
    expect(untuned.seeds).toEqual({ test: [10_001] });
  });
});

it('keeps of a result all but the curves, as JSON', () => {
  const run = { run: 'a', value: 0.1 + 0.2, curve: [1, 2] };
  const text = keptResult(
    JSON.stringify({ version: 1, judgement: { headline: 'x' }, results: [run, { ...run, run: 'b' }] }),
  );
  expect(JSON.parse(text)).toEqual({
    version: 1,
    judgement: { headline: 'x' },
    results: [
      { run: 'a', value: 0.1 + 0.2 },
      { run: 'b', value: 0.1 + 0.2 },
    ],
  });
  expect(text).toContain('\n    {"run":"a"');
});
