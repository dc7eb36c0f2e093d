import { beforeEach, describe, expect, it } from 'vitest';
import { type ArtifactStore, sha256 } from '../../shared/checkpoints/artifact-store.ts';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { readArtifact, readHead, readHeadManifest, readManifest } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { asRecorded } from '../../shared/config/earlier.ts';
import type { RunConfig } from '../../shared/config/run-file.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import type { PipelineState } from '../../shared/pipeline/messages.ts';
import {
  epochMetricsSchema,
  files,
  readAttemptJson,
  readConfig,
  readProgress,
  readRates,
  readRequest,
  readRunRecord,
  readSpectra,
} from '../../shared/pipeline/records.ts';
import { readRunReport } from '../../shared/pipeline/run-report.ts';
import { runTask } from '../../shared/pipeline/tasks/index.ts';
import type { BalanceConfig } from '../../shared/schedules/config.ts';
import { pooledSpectrum } from '../../shared/spectra/pooled-spectrum.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';
import { bufferSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
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

  it('goes on as it was measured: Conv1d weights by taps where the settings do not say', async () => {
    const earlier = fakeConfig({ training: { epochs: 2 } });
    const { conv1d: _, ...balance } = earlier.balance as BalanceConfig;
    const withoutReading = { ...earlier, balance };
    await store.put(runKeys.request(run), encodeJson({ version: 1, config: withoutReading }));
    const byTaps = { ...earlier, balance: { ...balance, conv1d: 'taps' } };
    expect((await readRequest(store, run)).config).toEqual(byTaps);
    expect(await runPipeline(run, contextOf('p'))).toEqual({ status: 'done' });
    const spectrumOf = async (layer: string) => {
      const spectra = await readSpectra(store, (await readHeadManifest(store, run))!);
      return spectra!.layers.find(({ name }) => name === layer)!.eigenvalues;
    };
    const model = await readArtifact(store, (await readHeadManifest(store, run))!, files.model);
    const w0 = await (await openSafetensors(bufferSource(files.model, model!))).read('w0.weight');
    const taps = await pooledSpectrum('conv1d', [['w0.weight', w0]], 'taps', portableSolver);
    expect(await spectrumOf('w0')).toEqual([...taps.eigenvalues]);

    await rewrite(runKeys.record(run), (record) => ({ ...record, config: withoutReading }));
    expect(await readConfig(store, run)).toEqual(byTaps);
    const head = await readHeadManifest(store, run);
    const key = runKeys.artifact(run, head.epoch, head.attempt, files.rates);
    await rewrite(key, (rates) => ({ ...rates, balance }));
    const { bytes } = (await store.get(key))!;
    const earlierRates = { ...head.files, [files.rates]: { bytes: bytes.length, sha256: sha256(bytes) } };
    const rates = await readRates(store, { ...head, files: earlierRates });
    expect(rates!.balance).toEqual((await readConfig(store, run)).balance);

    await requestRun(store, { ...(await readConfig(store, run)), training: { ...earlier.training, epochs: 3 } });
    expect(await runPipeline(run, contextOf('q'))).toEqual({ status: 'done' });
    expect(await spectrumOf('w0')).toHaveLength(14);
  });

  it('goes on as it was measured, without balancing too', async () => {
    const valuesIn = async (epoch: number) => {
      const spectra = await readSpectra(store, (await readManifest(store, run, epoch))!);
      return spectra!.layers.find(({ name }) => name === 'w0')!.frobeniusNormSquared!;
    };
    const squaresIn = async (epoch: number) => {
      const model = await readArtifact(store, (await readManifest(store, run, epoch))!, files.model);
      const { data } = await (await openSafetensors(bufferSource(files.model, model!))).read('w0.weight');
      return data.reduce((sum, value) => sum + value ** 2, 0);
    };
    const off = (epochs: number) => fakeConfig({ training: { epochs }, output: { keep: 9 }, balance: 'off' as never });
    await requestRun(store, off(2));
    expect(await runPipeline(run, contextOf('p'))).toEqual({ status: 'done' });
    expect((await valuesIn(2)) / (await squaresIn(2))).toBeCloseTo(1, 6);

    await rewrite(runKeys.record(run), ({ conv1d: _, ...record }) => record);
    await requestRun(store, off(3));
    expect(await runPipeline(run, contextOf('q'))).toEqual({ status: 'done' });
    expect((await valuesIn(3)) / (await squaresIn(3))).toBeCloseTo(0.5, 6);
  });

  it('is left as it is where it names a reading, or is not balanced', () => {
    const rows = fakeConfig();
    expect(asRecorded(rows)).toEqual(rows);
    expect(asRecorded({ ...rows, balance: 'off' })).toEqual({ ...rows, balance: 'off' });
    for (const broken of [undefined, null, 'text', [], {}]) expect(asRecorded(broken)).toEqual(broken);
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
