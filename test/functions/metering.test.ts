/** What functions and containers note of themselves, in the stand-in for AWS. */
import { mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { readHeadManifest } from '../../shared/checkpoints/manifest.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { loadRunFile } from '../../shared/config/parse-run-file.ts';
import { readMeterEntries } from '../../shared/costs/meter.ts';
import packaged from '../../shared/costs/prices.json' with { type: 'json' };
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import { taskMessages } from '../../shared/pipeline/messages.ts';
import { readProgress } from '../../shared/pipeline/records.ts';
import { prepare } from '../../shared/pipeline/tasks/prepare.ts';
import { startDeployment } from '../support/deployment.ts';
import { fakeConfig, fakeContext } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';
import { fixturePath } from '../support/fixtures.ts';
import { prices } from '../support/metered-run.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

const deployment = await startDeployment();
const region = packaged.regions['us-east-1'];

/** A run that no task has touched. */
async function requested(name: string): Promise<string> {
  const run = `runs/${name}`;
  await deployment!.store.put(runKeys.request(run), encodeJson({ version: 1, config: fakeConfig() }));
  return run;
}

const entriesOf = (run: string, epoch = 0) => readMeterEntries(deployment!.store, run, epoch);

describe.skipIf(!deployment)('a function', () => {
  it('notes memory and time of every call, at the price of the region', async () => {
    const run = await requested('noted');
    const error = { Error: 'States.Timeout' };
    await deployment!.perform('RecordFailure', { run, error });
    await deployment!.perform('RecordFailure', { run, error });
    const entries = await entriesOf(run);
    expect(entries).toHaveLength(2);
    for (const { seconds, usd, writes, reads, transitions, ...entry } of entries) {
      expect(entry).toMatchObject({ run, epoch: 0, task: 'RecordFailure', resource: { kind: 'lambda', memoryGb: 1 } });
      expect(seconds).toBeGreaterThan(0);
      expect({ transitions, hasWritten: writes > 0, hasRead: reads > 0 }).toEqual({
        transitions: 2,
        hasWritten: true,
        hasRead: true,
      });
      const requests = writes * region.s3Write + reads * region.s3Read + 2 * region.stateTransition;
      expect(usd).toBeCloseTo(seconds * region.lambdaGbSecond + region.lambdaRequest + requests, 15);
    }
  });

  it('notes a call that fails, too', async () => {
    const run = await requested('unprepared');
    await expect(deployment!.perform('PlanAnalysis', { run })).rejects.toThrow();
    expect((await entriesOf(run)).map(({ task }) => task)).toEqual(['PlanAnalysis']);
  });
});

describe.skipIf(!deployment)('a container', () => {
  it('notes its time when it fails, with its start; what is said of its job afterwards adds no more than the rest', async () => {
    const run = await requested('failing');
    const price = {
      resource: { kind: 'instance', instance: 'g5.xlarge' },
      usdPerSecond: 0.001,
      startSeconds: 100,
      requestUsd: { s3Write: 0.01, s3Read: 0.001 },
      reserveUsd: 0,
    };
    const meter = { functionGb: 1, takeRequests: () => ({ writes: 0, reads: 0 }), prices: async () => prices };
    const ctx = { ...fakeContext(deployment!.store, fakeWorkload()), meter };
    const state = await prepare(ctx, { run });
    const priced = { ...state, compute: { ...state.compute, price } };
    const environment = { TEMPBALANCE_STATE: JSON.stringify(priced) };
    const failure = (await deployment!.runJob(environment).catch((error: unknown) => error)) as Error;
    const [noted] = await entriesOf(run);
    expect(noted).toMatchObject({ task: 'TrainEpoch', market: 'spot', resource: price.resource });
    expect(noted!.seconds).toBeGreaterThan(100);
    expect(noted!.reads).toBeGreaterThan(0);
    expect(noted!.usd).toBeCloseTo(noted!.seconds * 0.001 + noted!.writes * 0.01 + noted!.reads * 0.001, 12);
    const error = { Error: failure.name, Cause: failure.message };
    await expect(deployment!.perform('CollectEpoch', { ...priced, error })).rejects.toThrow();
    const job = JSON.parse(failure.message) as { StartedAt: number; StoppedAt: number };
    const all = (await entriesOf(run)).filter(({ task }) => task === 'TrainEpoch');
    const seconds = all.reduce((sum, entry) => sum + entry.seconds, 0);
    expect(seconds).toBeCloseTo(Math.max(noted!.seconds, 100 + (job.StoppedAt - job.StartedAt) / 1000), 6);
  });
});

describe.skipIf(!deployment)('a deployed run', () => {
  it('with a budget in dollars is metered from Prepare to Finalise, and stays within it', {
    timeout: 120_000,
  }, async () => {
    const run = 'runs/metered';
    const { store, bucket, upload, perform, runJob } = deployment!;
    await upload('datasets/small/pde_1d.hdf5', await readFile(fixturePath('data', 'pde_1d.hdf5')));
    await mkdir(tmpdir(), { recursive: true });
    const file = await writeRunFile(await temporaryFolder(), { budget: { usd: 0.1 }, compute: { epochsPerTask: 3 } });
    const config = await loadRunFile(file);
    const dataset = { ...config.dataset, path: `s3://${bucket}/datasets/small/pde_1d.hdf5` };
    await store.put(runKeys.request(run), encodeJson({ version: 1, config: { ...config, dataset } }));
    expect(await runPipeline(run, fakeContext(store, fakeWorkload()), undefined, { perform, runJob })).toEqual({
      status: 'done',
    });

    const head = await readHeadManifest(store, run);
    const progress = (await readProgress(store, head))!;
    const entries = (await Promise.all([0, 1, 2, 3, 4, 5].map((epoch) => entriesOf(run, epoch)))).flat();
    const usd = entries.reduce((sum, entry) => sum + entry.usd!, 0);
    const tasks = new Set(entries.map(({ task }) => task));
    const others = ['AskApproval', 'Publish', 'RecordFailure'];
    expect(tasks).toEqual(new Set(Object.keys(taskMessages).filter((task) => !others.includes(task))));
    expect(entries.find(({ task }) => task === 'TrainEpoch')).toMatchObject({
      market: 'spot',
      resource: { kind: 'fargate', vcpus: 4, memoryGb: 16 },
    });
    expect(head.epoch).toBe(4);
    expect(progress.usd).toBeGreaterThan(0);
    expect(progress.usd).toBeLessThan(usd);
    expect(usd).toBeLessThan(0.1);
    const page = new TextDecoder().decode((await store.get(runKeys.report(run)))!.bytes);
    expect(page).toContain('metered: what every task used');
  });
});
