import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readJson } from '../../shared/checkpoints/json.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import type { RunConfig } from '../../shared/config/run-file.ts';
import { UserError } from '../../shared/core/errors.ts';
import { localContext } from '../../shared/local/local-context.ts';
import {
  beginRun,
  findRun,
  findRunToResume,
  listRuns,
  lockRun,
  newRun,
  runInComparison,
} from '../../shared/local/run-folder.ts';
import { requestSchema } from '../../shared/pipeline/records.ts';
import { firstOutputOf, moduleOf, outputOf, startProgram } from '../support/child.ts';
import { fakeConfig } from '../support/fake-run.ts';
import { temporaryFolder } from '../support/small-run.ts';

const now = new Date('2026-11-23T10:15:00Z');
async function createRun(config: RunConfig, options: { source?: string; now: Date }) {
  const folder = await newRun(config, options);
  await beginRun(folder, config, options);
  return folder;
}

const configIn = (folder: string, name?: string) => fakeConfig({ output: { folder, ...(name ? { name } : {}) } });

it('makes a run with the settings that are asked for, named after its run file and the time', async () => {
  const root = await temporaryFolder();
  const config = configIn(root);
  const { run, store } = await createRun(config, { source: 'some/burgers.yaml', now });
  expect(run).toBe('burgers-20261123-101500');
  expect((await readJson(store, runKeys.request(run), requestSchema))?.config).toEqual(config);
  expect(await listRuns(root)).toEqual([run]);
});

it('gives runs that begin within one second names of their own', async () => {
  const root = await temporaryFolder();
  const begun = Array.from({ length: 3 }, () =>
    createRun(configIn(join(root, 'runs')), { source: 'burgers.yaml', now }),
  );
  const names = (await Promise.all(begun)).map(({ run }) => run);
  expect(names.toSorted()).toEqual([
    'burgers-20261123-101500',
    'burgers-20261123-101500-2',
    'burgers-20261123-101500-3',
  ]);
  await writeFile(join(root, 'file'), '');
  await expect(newRun(configIn(join(root, 'file')), { now })).rejects.toThrow('a part of the path is a file');
});

it('begins a run anew that never got as far as a commit', async () => {
  const root = await temporaryFolder();
  await createRun(configIn(root, 'burgers'), { now });
  const { run, store } = await createRun(configIn(root, 'burgers'), { now, source: 'other.yaml' });
  expect((await readJson(store, runKeys.request(run), requestSchema))?.source).toContain('other.yaml');
});

it('says of a comparison that it is one, and where its report is', async () => {
  const root = await temporaryFolder();
  const folder = join(root, 'waves-compare');
  await mkdir(folder);
  await writeFile(join(folder, 'compare.json'), '{}');
  await expect(findRun(folder)).rejects.toThrow(
    `${folder}: is a comparison, not a run\n  It has no report yet; its runs lie in ${join(folder, 'runs')}.`,
  );
  await writeFile(join(folder, 'report.html'), '');
  await expect(findRun(folder)).rejects.toThrow(`Its report is ${join(folder, 'report.html')}`);
});

it('refuses a second run of the same name when the first has commits', async () => {
  const root = await temporaryFolder();
  const { run, store } = await createRun(configIn(root, 'burgers'), { now });
  await store.put(runKeys.head(run), new Uint8Array());
  const error = await createRun(configIn(root, 'burgers'), { now }).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  expect(error.message).toContain(join(root, 'burgers'));
  expect(error.message).toContain('npx tempbalance resume');
});

it('lists runs only, and none of a folder that is not there', async () => {
  const root = await temporaryFolder();
  await mkdir(join(root, 'not-a-run'));
  await createRun(configIn(root, 'b'), { now });
  await createRun(configIn(root, 'a'), { now });
  expect(await listRuns(root)).toEqual(['a', 'b']);
  expect(await listRuns(join(root, 'nowhere'))).toEqual([]);
});

it('finds a run by its folder', async () => {
  const root = await temporaryFolder();
  await createRun(configIn(root, 'burgers'), { now });
  expect(await findRun(join(root, 'burgers'))).toMatchObject({ root, run: 'burgers' });
  await expect(findRun(join(root, 'burger'))).rejects.toBeInstanceOf(UserError);
});

it('keeps a second process out, naming the first, until that is gone', async () => {
  const folder = await createRun(configIn(await temporaryFolder(), 'burgers'), { now });
  const child = startProgram(`
    import { lockRun } from ${moduleOf('shared/local/run-folder.ts')};
    await lockRun(${JSON.stringify({ root: folder.root, run: folder.run })}, () => new Date());
    process.stdout.write('locked');
    setTimeout(() => {}, 1e9);
  `);
  await firstOutputOf(child);
  const error = await lockRun(folder, () => now).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  expect(error.message).toContain(`is in use by process ${child.pid}`);
  const ended = outputOf(child);
  child.kill('SIGKILL');
  await ended;
  const lock = await lockRun(folder, () => now);
  await lock.release();
  expect(await readdir(join(folder.root, folder.run))).toEqual(['request.json']);
});

it('opens a workload again after it could not be opened', async () => {
  const root = await temporaryFolder();
  const path = join(root, 'data.hdf5');
  const { store } = await createRun(configIn(root, 'burgers'), { now });
  const context = localContext(store, () => {});
  const config = fakeConfig({ dataset: { format: 'pdebench', path } });
  await expect(context.openWorkload(config)).rejects.toThrow('there is no such file');
  await writeFile(path, 'not HDF5');
  await expect(context.openWorkload(config)).rejects.toThrow('HDF5');
});

it('gives a run of a comparison the store that has the comparison, too', async () => {
  const root = await temporaryFolder();
  const { run } = await createRun(configIn(join(root, 'some', 'runs'), 'test-plain-1'), { now });
  const found = await findRun(join(root, 'some', 'runs', run));
  expect(await runInComparison(found)).toMatchObject({ run, store: found.store });
  await writeFile(join(root, 'some', 'compare.json'), '{}');
  const { run: key, store } = await runInComparison(found);
  expect({ key, label: store.label }).toEqual({ key: 'some/runs/test-plain-1', label: root });
  expect(await store.get(runKeys.request(key))).toBeDefined();

  const given = join(root, key);
  await store.put(runKeys.artifact(key, 1, 'a', 'model.safetensors'), new Uint8Array(1));
  await store.put(runKeys.artifact(key, 1, 'a', 'metrics.json'), new Uint8Array(1));
  expect(await findRunToResume(given)).toMatchObject({ run });
  await store.delete(runKeys.artifact(key, 1, 'a', 'model.safetensors'));
  await expect(findRunToResume(given)).rejects.toThrow('is a run of a comparison, which has deleted its models');
});
