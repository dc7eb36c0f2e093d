import { beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { readHead, readHeadManifest } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import type { RunConfig } from '../../shared/config/run-file.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import type { PipelineState } from '../../shared/pipeline/messages.ts';
import {
  epochMetricsSchema,
  files,
  readAttemptJson,
  readConfig,
  readProgress,
  readRequest,
  readRunRecord,
} from '../../shared/pipeline/records.ts';
import { readRunReport } from '../../shared/pipeline/run-report.ts';
import { runTask } from '../../shared/pipeline/tasks/index.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';

let store: ArtifactStore;
beforeEach(() => {
  store = memoryStore();
});

const contextOf = (process: string) => fakeContext(store, fakeWorkload(), { process });

/** Settings as an earlier version wrote them: with some that have gone since, and without one that came later. */
function earlierForm({ compute, output: _, ...config }: RunConfig) {
  return { ...config, compute: { ...compute, gpuClass: 'g5', waitingLimitMinutes: 30 }, mixedPrecision: false };
}

async function rewrite(key: string, change: (content: Record<string, unknown>) => Record<string, unknown>) {
  const { bytes } = (await store.get(key))!;
  await store.put(key, encodeJson(change(JSON.parse(new TextDecoder().decode(bytes)))));
}

describe('what an earlier version has stored', () => {
  it('is read: a request and a record, without the settings that have gone since', async () => {
    const config = fakeConfig();
    await store.put(runKeys.request(run), encodeJson({ version: 1, config: earlierForm(config), kind: 'fine-tuning' }));
    expect(await readRequest(store, run)).toEqual({ version: 1, config, overrides: [] });
    expect(await runPipeline(run, contextOf('p'))).toEqual({ status: 'done' });

    await requestRun(store, fakeConfig({ training: { epochs: 5 } }));
    await rewrite(runKeys.record(run), (record) => ({ ...record, config: earlierForm(config), region: 'eu-west-1' }));
    expect(await readConfig(store, run)).toEqual(config);
    expect(await runPipeline(run, contextOf('q'))).toEqual({ status: 'done' });
    expect((await readHead(store, run))?.epoch).toBe(5);
  });

  it('is read: the classes of an epoch with the whole of their confusion matrix', async () => {
    const classes = ['a', 'b', 'c'].map((name) => ({ name, precision: 1, recall: 1, f1: 1, support: 2 }));
    const confusion = [
      [2, 0, 0],
      [0, 1, 1],
      [0, 0, 2],
    ];
    const metrics = { epoch: 3, trainLoss: 1, losses: [1], metrics: { loss: 1 }, seconds: 1, baseLearningRate: 1 };
    const at = { run, epoch: 3, attempt: 'p-0' };
    const key = runKeys.artifact(run, at.epoch, at.attempt, files.metrics);
    await store.put(key, encodeJson({ ...metrics, classes: { classes, confusion }, applied: [], engine: 'cpu' }));
    expect((await readAttemptJson(store, at, files.metrics, epochMetricsSchema)).classes).toEqual({
      classes,
      confusionCells: [
        [0, 0, 2],
        [1, 1, 1],
        [1, 2, 1],
        [2, 2, 2],
      ],
    });
  });

  it('goes on as it was recorded: with the best epoch that it had, though some of the model was drawn', async () => {
    const metric = (epoch: number) => 1 + epoch;
    const execute = (process: string, drawn?: 'all') =>
      runPipeline(run, fakeContext(store, fakeWorkload({ metric, drawn }), { process }));
    await requestRun(store, fakeConfig({ training: { epochs: 2 } }));
    expect(await execute('p')).toEqual({ status: 'done' });
    await rewrite(runKeys.outcome(run), ({ remark: _, ...outcome }) => outcome);
    expect((await readRunReport(store, run)).remark).toBeUndefined();

    await requestRun(store, fakeConfig({ training: { epochs: 3 } }));
    expect(await execute('q', 'all')).toEqual({ status: 'done' });
    expect((await readRunRecord(store, run)).drawn).toBeUndefined();
    const progress = await readProgress(store, await readHeadManifest(store, run));
    expect(progress).toMatchObject({ epoch: 3, best: { epoch: 0, value: 1 }, epochsWithoutImprovement: 3 });
  });

  it('is refused where it is damaged', async () => {
    await store.put(runKeys.request(run), encodeJson({ version: 1, config: { ...fakeConfig(), model: { size: 3 } } }));
    await expect(readRequest(store, run)).rejects.toThrow('the file is damaged or of another version');
  });

  it('is taken up by a task: a state from before a deployment', async () => {
    await requestRun(store, fakeConfig());
    const ctx = contextOf('p');
    const { events: _, compute, job, decision, ...state } = (await runTask('Prepare', ctx, { run })) as PipelineState;
    const earlier = {
      ...state,
      decision: { ...decision, confidence: 1 },
      compute: { ...compute, interruptions: undefined, gpuClass: 'g5' },
      job: { name: job.name, try: job.try },
      attemptOf: 'an earlier version',
    };
    const trained = (await runTask('TrainEpoch', ctx, earlier)) as PipelineState;
    expect(trained).toMatchObject({ epoch: 0, job: { failures: 0 }, compute: { interruptions: 0 } });
    const collected = (await runTask('CollectEpoch', ctx, earlier)) as PipelineState;
    expect(collected.decision.next).toBe('analyse');
    expect(collected.events).toBeGreaterThan(0);
  });
});
