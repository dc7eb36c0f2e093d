import { beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { readManifest } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import { readRunReport } from '../../shared/pipeline/run-report.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';
import { recordOf } from '../support/predicted-fields.ts';

let store: ArtifactStore;
beforeEach(() => {
  store = memoryStore();
});

/** A run of four epochs of which the second is the best; after each it predicts the number of times that it was evaluated. */
async function execute({ predicts = true } = {}): Promise<void> {
  await requestRun(store, fakeConfig());
  const workload = fakeWorkload({ metric: (epoch) => (epoch === 2 ? 1 : 2 + epoch) });
  let evaluations = 0;
  const predicting: typeof workload = {
    ...workload,
    async evaluate(parameters) {
      const evaluation = await workload.evaluate(parameters);
      const count = evaluations++;
      return { ...evaluation, predictions: recordOf([2, 4, 2, 1], { predicted: () => count, target: () => 1 }) };
    },
  };
  const context = fakeContext(store, predicts ? predicting : workload, { process: 'process', events: [] });
  expect(await runPipeline(run, context, undefined, { retryDelay: 0 })).toEqual({ status: 'done' });
}

describe('predictions', () => {
  it('are kept with the last epochs and the best, whose are in the report', async () => {
    await execute();
    const keys = (await store.list(runKeys.epochs(run))).filter((key) => key.endsWith('/predictions.json'));
    expect(keys.map((key) => Number(key.slice(runKeys.epochs(run).length).split('/')[0]))).toEqual([2, 3, 4]);
    const { predictions } = await readRunReport(store, run);
    expect(predictions?.epoch).toBe(2);
    expect(predictions?.fields.errors?.RMSE.mean).toEqual([1, 1]);
  });

  it('are left out of the report where they are damaged, which is said', async () => {
    await execute();
    const { attempt } = (await readManifest(store, run, 2))!;
    const key = runKeys.artifact(run, 2, attempt, 'predictions.json');
    const notes: string[] = [];
    const report = async () => (await readRunReport(store, run, (note) => notes.push(note))).predictions;
    await store.put(key, new TextEncoder().encode('{}'));
    expect(await report()).toBeUndefined();
    await store.delete(key);
    expect(await report()).toBeUndefined();
    const left = `the report leaves out what epoch 2 predicted: memory/${key}`;
    expect(notes).toEqual(
      ['does not have the content that was written', 'is missing'].map((what) =>
        expect.stringMatching(new RegExp(`^${left}:? ${what}`)),
      ),
    );
  });

  it('of a workload that makes none are in no file', async () => {
    await execute({ predicts: false });
    expect((await store.list(runKeys.epochs(run))).filter((key) => key.endsWith('/predictions.json'))).toEqual([]);
    expect((await readRunReport(store, run)).predictions).toBeUndefined();
  });
});
