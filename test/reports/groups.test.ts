import { describe, expect, test } from 'vitest';
import { firstOfEachSeed, groupRuns, representativeOf } from '../../shared/reports/groups.ts';
import type { RunReport } from '../../shared/reports/report-input.ts';
import { madeUpRun } from './made-up-runs.ts';

const run = (name: string, seed: number, balance: unknown, training: object = {}): RunReport => {
  const made = madeUpRun({ name, seed, epochs: 1, spectra: false });
  const config = { ...made.config, balance, training: { ...(made.config.training as object), ...training } };
  return { ...made, config };
};
const labels = (...runs: RunReport[]) => groupRuns(runs).groups.map(({ label }) => label);
const twice = (balance: unknown, training: object = {}) => [
  run('first', 1, balance, training),
  run('second', 2, balance, training),
];

describe('groupRuns', () => {
  test('puts runs together whatever their seed, name, folder and the path of the same data', () => {
    const [first, second] = twice('off');
    const output = { ...(second!.config.output as object), folder: '/elsewhere' };
    const dataset = { ...(second!.config.dataset as object), path: '/elsewhere/target.hdf5' };
    const elsewhere = { ...second!, config: { ...second!.config, output, dataset } };
    expect(groupRuns([first!, elsewhere]).groups).toMatchObject([{ runs: [first, elsewhere] }]);
  });

  test('keeps runs apart that differ in a setting or in the data', () => {
    const [first, second] = twice('off');
    expect(labels(first!, run('second', 2, 'off', { batchSize: 8 }))).toHaveLength(2);
    expect(labels(first!, { ...second!, dataset: { ...second!.dataset, sha256: 'ffffffff' } })).toEqual([
      'first (data: target.hdf5 (9f86d081))',
      'second (data: target.hdf5 (ffffffff))',
    ]);
  });

  test('does not mind the order of settings and keeps that of the runs', () => {
    const [first, second] = twice({ metric: 'alpha', unit: 'layer' });
    const turned = { ...second!, config: { ...second!.config, balance: { unit: 'layer', metric: 'alpha' } } };
    const other = run('other', 1, 'off');
    expect(groupRuns([other, first!, turned]).groups.map(({ runs }) => runs.length)).toEqual([1, 2]);
  });

  test('labels groups by what tells them apart', () => {
    const preset = { preset: 'modelBalancing', metric: 'alpha' };
    expect(labels(...twice('off'), ...twice(preset), ...twice({ ...preset, control: 'byShape' }))).toEqual([
      'balance: off',
      'balance: modelBalancing',
      'balance.control: byShape',
    ]);
    expect(labels(...twice(preset), ...twice({ ...preset, control: 'byShape' }))).toEqual([
      'balance.control: none',
      'balance.control: byShape',
    ]);
    expect(labels(...twice('off'), ...twice('off', { learningRate: 0.01 }))).toEqual([
      'learningRate: 0.001',
      'learningRate: 0.01',
    ]);
  });

  test('gives every group another label', () => {
    const path = (folder: string) => ({ preset: 'llr', table: `/${folder}/rates.json` });
    const found = labels(...twice(path('a')), ...twice(path('b')), ...twice('off'));
    expect(new Set(found).size).toBe(3);
  });

  test('lists the settings in which groups differ', () => {
    const { differences, named } = groupRuns([...twice('off'), ...twice('off', { epochs: 9, batchSize: 8 })]);
    expect(differences).toEqual([
      { key: 'training.epochs', values: ['1', '9'] },
      { key: 'training.batchSize', values: ['4', '8'] },
    ]);
    expect(named).toEqual(['training.epochs']);
  });
});

test('a repeated seed counts once, and the smallest stands for the group', () => {
  const runs = [run('b', 3, 'off'), run('a', 1, 'off'), run('again', 3, 'off')];
  const [group] = groupRuns(runs).groups;
  expect(firstOfEachSeed(group!).map(({ name }) => name)).toEqual(['b', 'a']);
  expect(representativeOf(group!).name).toBe('a');
});
