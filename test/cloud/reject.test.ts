import { describe, expect, it } from 'vitest';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { refusePoison } from '../../shared/cloud/reject.ts';
import { BrokenInputError, UserError } from '../../shared/core/errors.ts';
import type { ProgressEvent } from '../../shared/pipeline/context.ts';
import { startDeployment } from '../support/deployment.ts';
import { fakeConfig, fakeContext } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';

const deployment = await startDeployment();
const local = '/scratch/data.hdf5';

describe.skipIf(!deployment)('a refused data set', () => {
  const deployed = deployment!;

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

  it('is refused for its own reason where it can not be moved', async () => {
    const error = new BrokenInputError('is cut off', { where: local });
    const { thrown, events } = await refuse('unmovable', error, { gone: true });
    expect(thrown).toBe(error);
    expect(events).toMatchObject([{ type: 'warning', message: expect.stringContaining('could not be moved') }]);
  });
});
