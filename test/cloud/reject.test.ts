import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { refusalOf } from '../../shared/cloud/refused-data.ts';
import { refusePoison } from '../../shared/cloud/reject.ts';
import { BrokenInputError, TooLargeError, UserError } from '../../shared/core/errors.ts';
import type { ProgressEvent } from '../../shared/pipeline/context.ts';
import type { PipelineState } from '../../shared/pipeline/messages.ts';
import type { Task } from '../../shared/pipeline/tasks/perform.ts';
import { startDeployment } from '../support/deployment.ts';
import { fakeConfig, fakeContext } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';
import { fixturePath } from '../support/fixtures.ts';
import { smallRun } from '../support/small-run.ts';

const deployment = await startDeployment();
const local = '/scratch/data.hdf5';

describe.skipIf(!deployment)('a refused data set', () => {
  const deployed = deployment!;

  /** A data set of a profile, and Prepare on a run of it. */
  async function arrived(profile: string) {
    const run = `runs/${profile}`;
    const key = `datasets/${profile}/data.hdf5`;
    const version = await deployed.upload(key, 'data');
    const address = `s3://${deployed.bucket}/${key}?versionId=${version}`;
    const config = fakeConfig();
    const request = { version: 1, config: { ...config, dataset: { ...config.dataset, path: address } } };
    await deployed.store.put(runKeys.request(run), encodeJson(request));
    const ctx = { ...fakeContext(deployed.store, fakeWorkload()), localPath: async () => local };
    const perform = (prepare: Task<'Prepare'>) => refusePoison(deployed.s3, prepare)(ctx, { run });
    return { key, version, address, perform };
  }

  /** Prepare on a run whose data set it refuses with this error. */
  async function refuse(name: string, error: Error, { gone = false } = {}) {
    const run = `runs/${name}`;
    const key = `datasets/waves/${name}.hdf5`;
    const version = await deployed.upload(key, 'data');
    const address = `s3://${deployed.bucket}/${key}?versionId=${gone ? 'gone' : version}`;
    const config = fakeConfig();
    const request = { version: 1, config: { ...config, dataset: { ...config.dataset, path: address } } };
    await deployed.store.put(runKeys.request(run), encodeJson(request));
    const events: ProgressEvent[] = [];
    const ctx = {
      ...fakeContext(deployed.store, fakeWorkload()),
      localPath: async () => local,
      emit: (event: ProgressEvent) => void events.push(event),
    };
    const prepare = refusePoison(deployed.s3, async () => {
      throw error;
    });
    const thrown = await prepare(ctx, { run }).catch((caught: unknown) => caught);
    return { thrown: thrown as Error, key, events, rejected: await deployed.store.list(`rejected/waves/${name}/`) };
  }

  it('is moved when the file itself is broken', async () => {
    const error = new BrokenInputError('is cut off', { where: local });
    const { thrown, key, rejected } = await refuse('broken', error);
    expect(thrown).toMatchObject({ name: 'UserError', message: expect.stringContaining('the report: s3://') });
    expect(rejected).toHaveLength(2);
    expect(await deployed.store.get(key)).toBeUndefined();
  });

  it('stays when it is intact and the settings ask too much of it, or when something else is wrong', async () => {
    for (const [name, error] of [
      ['short', new UserError('has 5 time steps, too few', { where: local })],
      ['weights', new BrokenInputError('is cut off', { where: '/scratch/weights.safetensors' })],
    ] as const) {
      const { thrown, key, rejected } = await refuse(name, error);
      expect(thrown).toBe(error);
      expect(rejected).toEqual([]);
      expect(await deployed.store.get(key)).toBeDefined();
    }
  });

  it('is refused for its own reason where it can not be moved, and its version is noted', async () => {
    const error = new BrokenInputError('is cut off', { where: local });
    const { thrown, events, key } = await refuse('unmovable', error, { gone: true });
    expect(thrown.cause).toBe(error);
    expect(thrown.message).toContain('No schedule tries this version of the file again');
    expect(events).toMatchObject([{ type: 'warning', message: expect.stringContaining('could not be moved') }]);
    expect(await refusalOf(deployed.store, { profile: 'waves', key, versionId: 'gone' })).toMatchObject({
      run: 'runs/unmovable',
      reason: expect.stringContaining('is cut off'),
    });
  });

  it('stays where it is intact and does not fit, and no schedule tries its version again', async () => {
    const { key, version, address, perform } = await arrived('large');
    const error = new TooLargeError('has 12.0 GB, more than the 10.0 GB that fit here', { where: address });
    await deployed.upload('profiles/large.yaml', stringify({ ...smallRun, output: {} }));
    const due = (time: string) => deployed.invoke('launch', { profile: 'large', schedule: 'large-1', time });

    await expect(perform(async () => Promise.reject(error))).rejects.toThrow('No schedule tries this version');
    expect(await deployed.store.get(key)).toBeDefined();
    expect(await due('2026-11-23T03:00:00Z')).toMatchObject({
      status: 'refused',
      reason: expect.stringContaining('has 12.0 GB, more than the 10.0 GB that fit here'),
    });
    expect(await deployed.invoke('launch', { profile: 'large' })).toMatchObject({ status: 'started' });
    expect(await refusalOf(deployed.store, { profile: 'large', key, versionId: version })).toBeDefined();

    await perform(async () => ({}) as PipelineState);
    expect(await refusalOf(deployed.store, { profile: 'large', key, versionId: version })).toBeUndefined();
    expect(await due('2026-11-30T03:00:00Z')).toMatchObject({ status: 'started' });
  });

  it('that claims what it does not hold is put aside by the function itself, and the clock finds none', async () => {
    await deployed.upload('profiles/claims.yaml', stringify({ ...smallRun, output: {} }));
    await deployed.upload('datasets/claims/a.hdf5', await readFile(fixturePath('arrays', 'claims_823_GB.hdf5')));
    const { run } = (await deployed.invoke('launch', { profile: 'claims' })) as { run: string };
    await expect(deployed.perform('Prepare', { run })).rejects.toThrow(/claims 823\.\d GB .* the report: s3:/s);
    expect(await deployed.store.list('datasets/claims/')).toEqual([]);
    expect(await deployed.store.list('rejected/claims/')).toHaveLength(2);
    const event = { profile: 'claims', schedule: 'claims-1', time: '2026-11-23T03:00:00Z' };
    expect(await deployed.invoke('launch', event)).toMatchObject({
      status: 'rejected',
      reason: expect.stringContaining('holds no data set'),
    });
  });

  it('that is uploaded anew is another version, which a schedule tries', async () => {
    const { address, perform } = await arrived('anew');
    const error = new TooLargeError('is too large', { where: address });
    await deployed.upload('profiles/anew.yaml', stringify({ ...smallRun, output: {} }));
    await expect(perform(async () => Promise.reject(error))).rejects.toThrow();
    await deployed.upload('datasets/anew/data.hdf5', 'less');
    const event = { profile: 'anew', schedule: 'anew-1', time: '2026-11-23T03:00:00Z' };
    expect(await deployed.invoke('launch', event)).toMatchObject({ status: 'started' });
  });
});
