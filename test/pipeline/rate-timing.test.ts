import { beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { readHead, readManifest } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import type { RunConfig } from '../../shared/config/run-file.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import type { TaskContext } from '../../shared/pipeline/context.ts';
import { readMetrics, readRates, readSpectra } from '../../shared/pipeline/records.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';

const stepsPerEpoch = 4;
const linear = { function: 'linearMap' };

let store: ArtifactStore;
beforeEach(() => {
  store = memoryStore();
});

const contextOf = (changes: Partial<TaskContext> = {}): TaskContext => ({
  ...fakeContext(store, fakeWorkload({ stepsPerEpoch })),
  ...changes,
});

const settings = (balance: Record<string, unknown>, epochs = 4): RunConfig =>
  fakeConfig({ training: { epochs }, balance: { assignment: linear, ...balance } });

async function complete(config: RunConfig, changes: Partial<TaskContext> = {}) {
  await requestRun(store, config);
  expect(await runPipeline(run, contextOf(changes))).toEqual({ status: 'done' });
  return epochs();
}

/** What is committed of every epoch. */
async function epochs() {
  const last = (await readHead(store, run))!.epoch;
  return Promise.all(
    Array.from({ length: last + 1 }, async (_, epoch) => {
      const manifest = (await readManifest(store, run, epoch))!;
      const [rates, metrics, spectra] = await Promise.all([
        readRates(store, manifest),
        readMetrics(store, manifest),
        readSpectra(store, manifest),
      ]);
      return {
        rates: rates!,
        metrics: metrics!,
        spectra,
        weights: [manifest.files['model.safetensors'], manifest.files['optimizer.safetensors']],
      };
    }),
  );
}

describe('rates that are set every so many steps', () => {
  it('are set in the middle of epochs, on record with steps, alphas and factors', async () => {
    const found = await complete(settings({ every: { steps: 3 } }, 3));
    expect(found.map(({ metrics }) => metrics.measurements?.map(({ steps }) => steps))).toEqual([
      undefined,
      [3],
      [6],
      [9],
    ]);
    const [measured] = found[1]!.metrics.measurements!;
    expect(measured!.alphaMean).toBeGreaterThan(1);
    expect(measured!.layers).toEqual(found[1]!.rates.layers);
    expect(measured!.layers).not.toEqual(found[0]!.rates.layers);
    // What is trained after the analysis goes by what it found.
    const applied = new Map(found[1]!.metrics.applied.map((group) => [group.group, group.learningRateMultiplier]));
    expect(applied.get('w0')).toBe(measured!.layers.w0!.learningRate);
  });

  it('stay over epochs that end between two analyses, which are measured where rates were set within them', async () => {
    const found = await complete(settings({ every: { steps: 8 } }, 3));
    expect(found.map(({ spectra }) => spectra !== undefined)).toEqual([true, false, true, true]);
    expect(found[1]!.rates).toEqual(found[0]!.rates);
    expect(found[2]!.rates).not.toEqual(found[0]!.rates);
    expect(found[3]!.rates).toEqual(found[2]!.rates);
  });

  it('are those of an analysis after every epoch, to the bit, where that many steps make an epoch', async () => {
    const bySteps = await complete(settings({ every: { steps: stepsPerEpoch } }));
    store = memoryStore();
    const byEpochs = await complete(settings({ every: 1 }));
    expect(bySteps.map(({ weights }) => weights)).toEqual(byEpochs.map(({ weights }) => weights));
  });

  it('are the same bits in how many shards and tasks ever', async () => {
    const config = settings({ every: { steps: 3 }, rampSteps: 5 });
    const expected = (await complete(config)).map(({ weights, rates }) => ({ weights, rates }));
    store = memoryStore();
    const many = await complete(
      { ...config, compute: { ...config.compute, epochsPerTask: 3 } },
      { shardsFor: () => 3, startSeconds: 1 },
    );
    expect(many.map(({ weights, rates }) => ({ weights, rates }))).toEqual(expected);
  });
});

describe('rates that are set until an epoch', () => {
  it('stay from then on, and only the last epoch is measured once more', async () => {
    const found = await complete(settings({ until: { epoch: 2 } }, 5));
    expect(found.map(({ spectra }) => spectra !== undefined)).toEqual([true, true, true, false, false, true]);
    expect(found[2]!.rates).not.toEqual(found[1]!.rates);
    for (const { rates } of found.slice(3)) expect(rates).toEqual(found[2]!.rates);
  });

  it('end in the same bits when the run is interrupted after it', async () => {
    const config = settings({ every: { steps: 3 }, until: { share: 0.5 }, rampSteps: 4 }, 5);
    const expected = await complete(config);
    store = memoryStore();
    await requestRun(store, config);
    for (let stops = 0; stops < 4; stops++) {
      expect(await runPipeline(run, contextOf(), () => true)).toEqual({ status: 'interrupted' });
    }
    expect(await runPipeline(run, contextOf())).toEqual({ status: 'done' });
    const found = await epochs();
    expect(found.map(({ weights, rates }) => ({ weights, rates }))).toEqual(
      expected.map(({ weights, rates }) => ({ weights, rates })),
    );
  });
});

describe('rates that move over steps', () => {
  it('begin at the base rate, and reach the factors at the last step of the ramp', async () => {
    const [zero, one, two] = await complete(settings({ rampSteps: 8, every: 5 }, 3));
    const factor = zero!.rates.layers.w0!.learningRate;
    const appliedAt = ({ metrics }: typeof zero & object) =>
      metrics.applied.find(({ group }) => group === 'w0')!.learningRateMultiplier;
    expect(appliedAt(one!)).toBeCloseTo(1 + (factor - 1) * 0.5, 12);
    expect(appliedAt(two!)).toBe(factor);
  });

  it('are as far as they were when the run goes on with epochs of another length', async () => {
    const config = settings({ rampSteps: 16, every: 5 }, 2);
    const before = (await complete(config)).at(-1)!;
    await requestRun(store, { ...config, training: { ...config.training, epochs: 3 } });
    const longer = { ...fakeContext(store, fakeWorkload({ stepsPerEpoch: 2 }), { process: 'longer' }) };
    expect(await runPipeline(run, longer)).toEqual({ status: 'done' });
    const after = (await epochs()).at(-1)!;
    const multiplierIn = ({ metrics }: typeof before) =>
      metrics.applied.find(({ group }) => group === 'w0')!.learningRateMultiplier;
    const { ramp, parameters } = before.rates;
    const [from, to] = [1, parameters['w0.weight']!.learningRate];
    // 8 of 16 steps in two epochs of 4, and 10 after one more of 2.
    expect(multiplierIn(before)).toBeCloseTo(from + (to - from) * (8 / 16), 12);
    expect(multiplierIn(after)).toBeCloseTo(from + (to - from) * (10 / 16), 12);
    expect([ramp!.begins, after.rates.ramp!.begins]).toEqual([0, -4]);
  });

  it('go on from where they are when new ones are set in the middle of a ramp', async () => {
    const [zero, one] = await complete(settings({ rampSteps: 8 }, 2));
    const factor = zero!.rates.layers.w0!.learningRate;
    expect(one!.rates.ramp).toMatchObject({ begins: stepsPerEpoch, steps: 8 });
    expect(one!.rates.ramp!.from['w0.weight']!.learningRate).toBeCloseTo(1 + (factor - 1) * 0.5, 12);
  });
});
