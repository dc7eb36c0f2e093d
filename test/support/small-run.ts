import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { fixturePath } from './fixtures.ts';

/** A folder of the test's own, removed when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tempbalance-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Settings of a run that takes a second: a small FNO on a few advected waves. */
export const smallRun = {
  model: { family: 'fno1d', modes: 4, width: 16, projection: 16 },
  dataset: {
    format: 'pdebench',
    path: fixturePath('data', 'pde_1d.hdf5'),
    samples: 8,
    window: 4,
    rolloutSteps: 3,
    subsample: { space: 4 },
  },
  training: { epochs: 4, batchSize: 2, learningRate: 0.003, seed: 7, validation: 2 },
  output: { name: 'small' },
};

/** Writes a run file into `folder`, `changes` merged into `smallRun` by section. */
export async function writeRunFile(
  folder: string,
  changes: Record<string, Record<string, unknown> | string> = {},
  name = 'small.yaml',
): Promise<string> {
  const sections = new Set([...Object.keys(smallRun), ...Object.keys(changes)]);
  const merged = Object.fromEntries(
    [...sections].map((section) => {
      const base = (smallRun as Record<string, object>)[section];
      const change = changes[section];
      return [section, typeof change === 'string' ? change : { ...base, ...change }];
    }),
  );
  const path = join(folder, name);
  await writeFile(path, stringify(merged));
  return path;
}
