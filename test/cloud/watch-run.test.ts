import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { startExecution } from '../../shared/cloud/launch.ts';
import { openCloud } from '../../shared/cloud/open-cloud.ts';
import { stopRun } from '../../shared/cloud/resume-run.ts';
import { watchRun } from '../../shared/cloud/watch-run.ts';
import { TransientError } from '../../shared/core/errors.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import type { ProgressEvent } from '../../shared/pipeline/context.ts';
import { startDeployment } from '../support/deployment.ts';
import { fakeConfig, fakeContext } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';
import { createStack } from '../support/stack.ts';

const deployment = await startDeployment();
if (deployment) await createStack(deployment);

describe.skipIf(!deployment)('watching a run', () => {
  it('tells of every commit once, as a local run does, and of the end', async () => {
    const run = 'runs/watched';
    const cloud = await openCloud({ stack: 'tempbalance' });
    const { store } = cloud;
    const config = fakeConfig({ training: { epochs: 3 } });
    await store.put(runKeys.request(run), encodeJson({ version: 1, config, overrides: [] }));
    await startExecution(cloud, run);

    const local: ProgressEvent[] = [];
    const context = fakeContext(store, fakeWorkload(), { process: 'p', events: local });
    let ended = false;
    const pipeline = runPipeline(run, context).then(async ({ status }) => {
      await stopRun(cloud, run);
      ended = true;
      return status;
    });
    const events: ProgressEvent[] = [];
    const watching = watchRun(cloud, run, () => sleep(ended ? 0 : 20));
    let next = await watching.next();
    for (; !next.done; next = await watching.next()) events.push(next.value);
    expect(await pipeline).toBe('done');
    expect(next.value.outcome).toMatchObject({ outcome: 'completed' });
    expect(events[0]).toEqual({ type: 'prepared', run: 'watched', epoch: 0, epochs: 3 });
    expect(events.at(-1)).toMatchObject({ type: 'finished', run: 'watched', outcome: 'completed' });
    const [prepared] = local.filter((event) => event.type === 'prepared');
    const balanced = events.filter((event) => event.type === 'warning').map(({ message }) => message);
    expect(balanced).toEqual([prepared!.balanced]);
    expect(balanced[0]).toMatch(/^sigmoid of alpha, .*; \d+ of 11 layers are balanced/);
    const epochs = (told: readonly ProgressEvent[]) => told.filter(({ type }) => type === 'epoch');
    expect(epochs(events)).toEqual(epochs(local));
  });

  it('goes on when AWS can not be reached for a while', async () => {
    const run = 'runs/watched';
    const { store, sfn, stateMachine } = await openCloud({ stack: 'tempbalance' });
    let asked = 0;
    const send = (...given: Parameters<typeof sfn.send>) => {
      asked += 1;
      if (asked < 3) throw new TransientError("can't be reached (ENOTFOUND)", { where: 'AWS' });
      return sfn.send(...given);
    };
    const cutOff = Object.assign(Object.create(sfn), { send }) as typeof sfn;
    const told: string[] = [];
    const watching = watchRun({ store, sfn: cutOff, stateMachine }, run, async () => undefined);
    for await (const event of watching) told.push(event.type === 'warning' ? event.message : event.type);
    expect(told).toEqual([
      'prepared',
      expect.stringContaining("can't be reached"),
      expect.stringContaining('layers are balanced'),
      'epoch',
      'finished',
    ]);
  });

  it('needs an execution', async () => {
    const run = 'runs/never-started';
    const cloud = await openCloud({ stack: 'tempbalance' });
    await cloud.store.put(runKeys.request(run), encodeJson({ version: 1, config: fakeConfig(), overrides: [] }));
    let waits = 0;
    const events = watchRun(cloud, run, async () => {
      waits += 1;
    });
    await events.next();
    await expect(events.next()).rejects.toThrow('npx tempbalance cloud resume never-started');
    expect(waits).toBeGreaterThan(0);
  });
});
