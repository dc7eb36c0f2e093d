import { expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { readHead, readManifest } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import type { RunConfig } from '../../shared/config/run-file.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import type { ProgressEvent } from '../../shared/pipeline/context.ts';
import { mostShards } from '../../shared/pipeline/history.ts';
import type { PipelineState } from '../../shared/pipeline/messages.ts';
import { runTask } from '../../shared/pipeline/tasks/index.ts';
import { callingThread } from '../../shared/spectra/solvers/pool.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';
import type { SpectraReport } from '../../shared/spectra/spectrum.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';

/** Digests of everything an analysis leads to, of every epoch. */
async function resultsWith(shards: number, config: RunConfig): Promise<unknown[]> {
  const store = memoryStore();
  await requestRun(store, config);
  const ctx = { ...fakeContext(store, fakeWorkload()), shardsFor: () => shards };
  expect(await runPipeline(run, ctx)).toEqual({ status: 'done' });
  const results: unknown[] = [];
  for (let epoch = 0; epoch <= (await readHead(store, run))!.epoch; epoch++) {
    const { files } = (await readManifest(store, run, epoch))!;
    for (const file of ['spectra.json', 'rates.json', 'model.safetensors', 'optimizer.safetensors'])
      results.push([epoch, file, files[file]]);
  }
  return results;
}

it.each([
  ['balanced', {}],
  ['with the spectral weights', { balance: { spectralWeights: true } }],
  ['with FARMS', { balance: { farms: { side: 5, placement: 'random' } } }],
  ['between analyses', { balance: { every: 3 } }],
] as const)('a run %s ends in the same bits however many shards its analyses are shared out to', async (_, changes) => {
  const config = fakeConfig(changes);
  const expected = await resultsWith(1, config);
  for (const shards of [2, 5, 1000]) expect(await resultsWith(shards, config), `${shards} shards`).toEqual(expected);
});

/** An attempt at epoch 0, planned in so many shards. */
async function planned(shards: number) {
  const store = memoryStore();
  await requestRun(store, fakeConfig());
  const ctx = { ...fakeContext(store, fakeWorkload()), shardsFor: () => shards };
  const attempt = (await runTask('TrainEpoch', ctx, await runTask('Prepare', ctx, { run }))) as PipelineState;
  const plan = (await runTask('PlanAnalysis', ctx, attempt)) as { shards: number[] };
  return { store, ctx, attempt, plan };
}

it('a shard reads no more of the model than its header and its own layers', async () => {
  const { store, ctx, attempt, plan } = await planned(5);
  const read = new Map<string, number>();
  const model = runKeys.artifact(run, 0, attempt.attempt, 'model.safetensors');
  const watched: ArtifactStore = {
    ...store,
    async get(key) {
      if (key === model) throw new Error('the whole model was read');
      return store.get(key);
    },
    async open(key) {
      const source = (await store.open(key))!;
      return {
        ...source,
        async read(start, end) {
          read.set(key, (read.get(key) ?? 0) + end - start);
          return source.read(start, end);
        },
      };
    },
  };
  for (const shard of plan.shards)
    await runTask('AnalyseShard', { ...ctx, store: watched }, { ...attempt, shard, shards: 5 });
  const { size } = (await store.open(model))!;
  const header = 8 + Number(new DataView((await store.get(model))!.bytes.buffer).getBigUint64(0, true));
  const dense = (14 * 15 + 4 * 14 * 14 + 14 * 14 + 14 * 14) * 4;
  expect(read.get(model)).toBe(5 * header + dense);
  expect(read.get(model)! - 5 * header).toBeLessThan(size - header);
});

it('a shard notes with its spectra that another solver than the one on record took them', async () => {
  const { store, ctx, attempt, plan } = await planned(1);
  const events: ProgressEvent[] = [];
  const spectraWith = async (version: string) => {
    const openSolver = async () => callingThread({ ...portableSolver, version });
    await runTask(
      'AnalyseShard',
      { ...ctx, openSolver, emit: (event) => events.push(event) },
      { ...attempt, shard: 0, shards: 1 },
    );
    const state = (await runTask('SetRates', ctx, plan)) as PipelineState;
    const key = runKeys.artifact(run, 0, state.attempt, 'spectra.json');
    return JSON.parse(new TextDecoder().decode((await store.get(key))!.bytes)) as SpectraReport;
  };
  expect((await spectraWith('portable')).layers.flatMap(({ solver = [] }) => solver)).toEqual([]);
  expect(events).toEqual([]);
  const { layers } = await spectraWith('openblas 0.3.21 Zen');
  expect(new Set(layers.map(({ solver }) => solver))).toEqual(new Set(['openblas 0.3.21 Zen']));
  const message =
    'eigenvalues come from openblas 0.3.21 Zen here, and the run has portable on record: last bits may differ';
  expect(events).toEqual([{ type: 'warning', message }]);
});

it('the plan is carried as a few numbers, whatever is asked for', async () => {
  const { plan } = await planned(1000);
  expect(plan.shards).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(plan.shards.length).toBeLessThanOrEqual(mostShards);
});
