import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeQuickComparison } from '../../cli/quick-comparison.ts';
import { loadComparison } from '../../shared/config/load-comparison.ts';
import { loadRunFile, parseOverride } from '../../shared/config/parse-run-file.ts';
import { beginRun, newRun } from '../../shared/local/run-folder.ts';
import { runCli } from '../support/cli.ts';
import { counting, writeHdf5 } from '../support/hdf5.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

/** The settings of a compare file that is written for a run file with changes, and what is told. */
async function quick(changes: Parameters<typeof writeRunFile>[1]) {
  const notes: string[] = [];
  const runFile = await writeRunFile(await temporaryFolder(), changes);
  const { settings } = await loadComparison(await writeQuickComparison(runFile, (note) => notes.push(note)));
  const of = (arm: string) => settings.arms.find(({ name }) => name === arm)!.config;
  return { settings, of, notes };
}

it('takes a quarter of the rows for the test, and eight where the file has them besides', async () => {
  // The file has 64 rows.
  for (const [samples, test] of [
    [3, 8],
    [12, 8],
    [40, 10],
    [57, 14],
  ] as const) {
    const { of, notes } = await quick({ dataset: { samples } });
    expect(of('plain').dataset, String(samples)).toMatchObject({ test: { random: test } });
    expect(notes).toEqual([]);
  }
});

it('takes them of the rows that were asked for where there are no others', async () => {
  const { of } = await quick({ dataset: { samples: 60 } });
  expect(of('balanced').dataset).toMatchObject({ samples: 45, test: { random: 15 } });
  const all = await quick({ dataset: { samples: 'all' } });
  expect(all.of('balanced').dataset).toMatchObject({ samples: 'all', test: { random: 16 } });
});

it('says that rows are few, and refuses where there are none to spare', async () => {
  const few = { subsample: { samples: 6, space: 4 } };
  const { of, notes } = await quick({ dataset: { ...few, samples: 'all' } });
  expect(of('plain').dataset).toMatchObject({ test: { random: 3 } });
  expect(notes).toEqual([expect.stringContaining('only 3 rows to test on')]);
  const path = await writeHdf5(join(await temporaryFolder(), 'tiny.hdf5'), { tensor: counting([2, 20, 16]) });
  await expect(
    quick({ dataset: { path, samples: 'all', subsample: {} }, training: { validation: 1 } }),
  ).rejects.toThrow(/small\.yaml: has too few rows to train, validate and test on: 2/);
});

it('compares no control, whatever the run file balances by', async () => {
  const { settings, of, notes } = await quick({ balance: { control: 'shuffled', minEigenvalues: 4 } });
  expect(settings.arms.map(({ name }) => name)).toEqual(['plain', 'balanced']);
  expect(of('balanced').balance).toMatchObject({ minEigenvalues: 4 });
  expect(of('balanced').balance).not.toHaveProperty('control');
  expect(notes).toEqual([expect.stringContaining('balance.control: shuffled')]);
});

it('takes the settings that a run has on record, whatever has become of its run file', async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder, { dataset: { samples: 12 } });
  const config = await loadRunFile(runFile, [parseOverride('training.epochs=7')]);
  const run = await newRun(config, { source: runFile, now: new Date() });
  await beginRun(run, config, { source: runFile });
  await rm(runFile);
  const back = process.cwd();
  process.chdir(folder);
  try {
    const path = await writeQuickComparison(join(folder, 'runs', 'small'), () => {});
    expect(path).toBe('small-compare.yaml');
    const { settings } = await loadComparison(path);
    expect(settings.arms.map(({ name }) => name)).toEqual(['plain', 'balanced']);
    expect(settings.arms[0]!.config).toMatchObject({
      balance: 'off',
      training: { epochs: 7 },
      dataset: { path: config.dataset.path, test: { random: 8 } },
    });
    expect(settings.arms[1]!.config.balance).toEqual(config.balance);
  } finally {
    process.chdir(back);
  }
});

it('takes as many runs at a time as a compare file does', async () => {
  for (const command of [['compare'], ['cloud', 'compare']]) {
    const { code, stderr } = await runCli([...command, '--parallel', '1001']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('It must be a whole number from 1 to 1000.')]);
  }
});
