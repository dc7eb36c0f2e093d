import { beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { readArtifact, readManifest } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import { readMetrics } from '../../shared/pipeline/records.ts';
import { bufferSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { type FakeBehaviour, fakeWorkload } from '../support/fake-workload.ts';

let store: ArtifactStore;
beforeEach(() => {
  store = memoryStore();
});

const workload = (behaviour: FakeBehaviour = {}) => fakeWorkload({ averages: true, ...behaviour });
const settings = (training: object = {}) => fakeConfig({ training: { ema: {}, ...training } });

async function execute(config = settings(), behaviour: FakeBehaviour = {}) {
  await requestRun(store, config);
  return runPipeline(run, fakeContext(store, workload(behaviour)));
}

const file = async (epoch: number, name: string) => readArtifact(store, (await readManifest(store, run, epoch))!, name);
const tensors = async (epoch: number, name: string) =>
  (await openSafetensors(bufferSource(name, (await file(epoch, name))!))).readAll();
const exported = async () => (await store.get(runKeys.model(run, 'model.safetensors')))!.bytes;

describe('a run with an average of its weights', () => {
  it('keeps it beside the weights that are trained, which are those of a run without it', async () => {
    await execute();
    const [model, optimizer] = [await file(4, 'model.safetensors'), await tensors(4, 'optimizer.safetensors')];
    expect(await file(4, 'average.safetensors')).not.toEqual(model);
    expect([...(await tensors(4, 'average.safetensors')).keys()].sort()).toEqual(
      [...(await tensors(4, 'model.safetensors')).keys()].sort(),
    );
    expect([...optimizer.keys()].filter((name) => name.startsWith('average/'))).toEqual([]);
    expect(await file(0, 'average.safetensors')).toBeUndefined();
    const spectra = await file(4, 'spectra.json');

    store = memoryStore();
    await execute(fakeConfig(), { averages: false });
    expect(await file(4, 'model.safetensors')).toEqual(model);
    expect(await file(4, 'spectra.json')).toEqual(spectra);
    expect(await file(4, 'average.safetensors')).toBeUndefined();
  });

  it('is evaluated by it, and exports that of its best epoch', async () => {
    await execute();
    for (const epoch of [3, 4]) {
      const { metrics } = await workload().evaluate(await tensors(epoch, 'average.safetensors'));
      expect((await readMetrics(store, (await readManifest(store, run, epoch))!))!.metrics).toEqual(metrics);
    }
    expect(await exported()).toEqual(await file(4, 'average.safetensors'));

    store = memoryStore();
    await execute(settings(), { metric: (epoch) => Math.abs(epoch - 2) });
    expect(await exported()).toEqual(await file(2, 'average.safetensors'));
    expect(await exported()).not.toEqual(await file(2, 'model.safetensors'));
  });

  it('exports the model before training where no epoch is better', async () => {
    await execute(settings(), { metric: (epoch) => epoch });
    expect(await exported()).toEqual(await file(0, 'model.safetensors'));
  });

  it('frees the averages of old epochs', async () => {
    await execute(fakeConfig({ training: { ema: {} }, output: { keep: 1 } }));
    const keys = await store.list(runKeys.epochs(run));
    expect(keys.filter((key) => key.endsWith('average.safetensors'))).toHaveLength(1);
  });

  it('goes back to an epoch whose average is whole, and trains on to the same bits', async () => {
    await execute();
    const expected = await file(4, 'average.safetensors');
    const { attempt } = (await readManifest(store, run, 4))!;
    await store.put(runKeys.artifact(run, 4, attempt, 'average.safetensors'), Uint8Array.of(1));
    expect(await runPipeline(run, fakeContext(store, workload(), { process: 'second' }))).toEqual({ status: 'done' });
    expect(await file(4, 'average.safetensors')).toEqual(expected);
    expect(await exported()).toEqual(expected);
  });

  it('goes on with another decay, and is refused to go on without an average, or to begin one', async () => {
    await execute();
    await requestRun(store, settings({ epochs: 5, ema: { decay: 0.9, warmUp: false } }));
    expect(await runPipeline(run, fakeContext(store, workload(), { process: 'second' }))).toEqual({ status: 'done' });
    expect(await file(5, 'average.safetensors')).toBeDefined();
    await requestRun(store, fakeConfig({ training: { epochs: 6 } }));
    await expect(runPipeline(run, fakeContext(store, workload(), { process: 'third' }))).resolves.toMatchObject({
      status: 'failed',
      error: { message: expect.stringContaining('training.ema: {"decay":0.9,"warmUp":false} -> not set') },
    });

    store = memoryStore();
    await execute(fakeConfig(), { averages: false });
    await requestRun(store, settings({ epochs: 5 }));
    await expect(runPipeline(run, fakeContext(store, workload(), { process: 'second' }))).resolves.toMatchObject({
      status: 'failed',
      error: { message: expect.stringContaining('training.ema: not set -> {"decay":0.999,"warmUp":true}') },
    });
  });
});
