import { setImmediate } from 'node:timers/promises';
import { StateMachine } from 'aws-local-stepfunctions';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { readJson } from '../../shared/checkpoints/json.ts';
import { readHead, readHeadManifest, readManifest } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import type { RunConfig } from '../../shared/config/run-file.ts';
import { RunError, TransientError, UserError } from '../../shared/core/errors.ts';
import { runPipeline, workflowDefinition } from '../../shared/local/run-pipeline.ts';
import type { ProgressEvent, TaskContext } from '../../shared/pipeline/context.ts';
import {
  outcomeSchema,
  readMetrics,
  readProgress,
  readRates,
  readRunRecord,
  readSpectra,
} from '../../shared/pipeline/records.ts';
import { readRunReport } from '../../shared/pipeline/run-report.ts';
import { summariseRun } from '../../shared/pipeline/run-summary.ts';
import { callingThread } from '../../shared/spectra/solvers/pool.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { type FakeBehaviour, fakeWorkload } from '../support/fake-workload.ts';

let store: ArtifactStore;
let events: ProgressEvent[];
beforeEach(() => {
  store = memoryStore();
  events = [];
});

interface Story {
  readonly config?: RunConfig;
  readonly behaviour?: FakeBehaviour;
  readonly stopRequested?: () => boolean;
  readonly context?: (context: TaskContext) => TaskContext;
}

let processes = 0;

/** Asks for the settings, if any, and runs the workflow as a new process would. */
async function execute({ config, behaviour, stopRequested, context = (same) => same }: Story = {}) {
  if (config) await requestRun(store, config);
  const fresh = fakeContext(store, fakeWorkload(behaviour), { process: `process${processes++}`, events });
  return runPipeline(run, context(fresh), stopRequested, { retryDelay: 0 });
}

const states = () => events.flatMap((event) => (event.type === 'state' ? [event.state] : []));
const warnings = () => events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
const outcomeOf = () => readJson(store, runKeys.outcome(run), outcomeSchema);
const headEpoch = async () => (await readHead(store, run))?.epoch;

const trainStates = ['TrainEpoch', 'CollectEpoch', 'Trained?'];
const epochStates = [...trainStates, 'PlanAnalysis', 'AnalyseShards', 'SetRates', 'Checkpoint', 'Continue?'];
const beginning = ['Prepare', 'Where to begin?'];
const ending = ['Finalise', 'Publish?', 'Outcome?', 'Done'];

it('is a valid Amazon States Language document', () => {
  expect(() => new StateMachine(workflowDefinition())).not.toThrow();
});

describe('a run that goes well', () => {
  it('goes through the states in order', async () => {
    expect(await execute({ config: fakeConfig({ training: { epochs: 2 } }) })).toEqual({ status: 'done' });
    expect(states()).toEqual([...beginning, ...epochStates, ...epochStates, ...epochStates, ...ending]);
  });

  it('commits every epoch, and exports the best one with a report', async () => {
    await execute({ config: fakeConfig(), behaviour: { metric: (epoch) => Math.abs(epoch - 2) + 1 } });
    expect(await headEpoch()).toBe(4);
    expect(await outcomeOf()).toMatchObject({ outcome: 'completed', reason: 'all 4 epochs are trained' });
    const best = (await readManifest(store, run, 2))!;
    const weights = (await store.get(runKeys.artifact(run, 2, best.attempt, 'model.safetensors')))!;
    expect((await store.get(runKeys.model(run, 'model.safetensors')))!.bytes).toEqual(weights.bytes);
    expect(await store.get(runKeys.report(run))).toBeDefined();
    const report = await readRunReport(store, run);
    expect(report.best).toEqual({ epoch: 2, value: 1 });
    expect(report.epochs.map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3, 4]);
    expect(report.status).toBe('completed');
    expect(report.place).toBe(`${store.label}/runs`);

    const part = 'some/runs/test-plain-1';
    for (const key of await store.list(`${run}/`)) {
      await store.put(key.replace(run, part), (await store.get(key))!.bytes);
    }
    const placeOf = async () => {
      const { place, comparison } = await readRunReport(store, part);
      return { place, comparison };
    };
    const place = `${store.label}/some/runs`;
    expect(await placeOf()).toEqual({ place, comparison: undefined });
    await store.put('some/compare.json', new Uint8Array());
    expect(await placeOf()).toEqual({ place, comparison: `${store.label}/some` });
  });

  it('is exported and has its outcome, though its report can not be written', async () => {
    const unsteady = (context: TaskContext): TaskContext => ({
      ...context,
      store: {
        ...store,
        async put(key, bytes) {
          if (key === runKeys.report(run)) throw new RunError('the disk is full');
          return store.put(key, bytes);
        },
      },
    });
    expect(await execute({ config: fakeConfig(), context: unsteady })).toMatchObject({ status: 'failed' });
    expect(await outcomeOf()).toMatchObject({ outcome: 'completed', reason: 'all 4 epochs are trained' });
    expect((await store.list(runKeys.model(run, ''))).toSorted()).toEqual(
      ['README.md', 'config.json', 'model.py', 'model.safetensors'].map((name) => runKeys.model(run, name)),
    );
  });

  it('is reported on with several epochs read at a time, and the eigenvalues of those that are drawn', async () => {
    await execute({
      config: fakeConfig({ training: { epochs: 20 } }),
      behaviour: { metric: (epoch) => 1 + Math.abs(epoch - 7) },
    });
    let reading = 0;
    let most = 0;
    const counting: ArtifactStore = {
      ...store,
      async get(key) {
        if (!key.endsWith('/manifest.json')) return store.get(key);
        most = Math.max(most, ++reading);
        await setImmediate();
        reading--;
        return store.get(key);
      },
    };
    const { epochs } = await readRunReport(counting, run);
    expect(epochs.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 21 }, (_, epoch) => epoch));
    const full = epochs.filter(({ spectra }) => spectra!.layers.some(({ eigenvalues }) => eigenvalues.length > 0));
    expect(full.map(({ epoch }) => epoch)).toEqual([0, 7]);
    const kept = (await readSpectra(store, (await readManifest(store, run, 7))!))!;
    expect(epochs[7]!.spectra).toEqual(kept);
    expect(epochs[6]!.spectra!.summary.alphaMean).not.toBeNull();
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8);
  });

  it('trains each epoch with the rates of the analysis before it', async () => {
    await execute({ config: fakeConfig() });
    const multipliers: number[] = [];
    for (const epoch of [1, 2, 3, 4]) {
      const rates = (await readRates(store, (await readManifest(store, run, epoch - 1))!))!;
      const { applied } = (await readMetrics(store, (await readManifest(store, run, epoch))!))!;
      for (const { group, learningRateMultiplier } of applied) {
        expect(learningRateMultiplier).toBe(rates.parameters[`${group}.weight`]?.learningRate);
        multipliers.push(learningRateMultiplier);
      }
    }
    expect(new Set(multipliers).size).toBeGreaterThan(1);
  });

  it('tells what happens, epoch by epoch', async () => {
    await execute({ config: fakeConfig({ training: { epochs: 1 } }) });
    expect(warnings()).toEqual([expect.stringContaining('the balanced layers have unlike shapes')]);
    expect(events.filter(({ type }) => type !== 'state').map(({ type }) => type)).toEqual([
      'warning',
      'prepared',
      'epoch',
      'step',
      'epoch',
      'finished',
    ]);
    expect(events.find(({ type }) => type === 'epoch')).toMatchObject({ epoch: 0, trainLoss: null, epochs: 1 });
  });

  it('stops early when the patience is used up', async () => {
    const config = fakeConfig({ training: { epochs: 20 }, convergence: { patience: 2 } });
    expect(await execute({ config, behaviour: { metric: (epoch) => (epoch < 3 ? 5 - epoch : 4) } })).toEqual({
      status: 'done',
    });
    expect(await headEpoch()).toBe(4);
    expect(await outcomeOf()).toMatchObject({
      outcome: 'converged',
      reason: 'nRMSE did not improve for 2 epochs',
    });
    expect((await readProgress(store, await readHeadManifest(store, run)))!.best).toEqual({ epoch: 2, value: 3 });
  });

  it('stops before the budget is exceeded', async () => {
    const config = fakeConfig({ training: { epochs: 500 }, budget: { hours: 0.01 } });
    expect(await execute({ config })).toEqual({ status: 'done' });
    expect(await outcomeOf()).toMatchObject({ outcome: 'budget' });
    const progress = (await readProgress(store, await readHeadManifest(store, run)))!;
    expect(progress.seconds).toBeLessThanOrEqual(36);
    expect(progress.seconds + progress.slowestEpochSeconds).toBeGreaterThan(36);
  });

  it('counts dollars by the price of this machine, and refuses to without one', async () => {
    const budget = { usd: 0.01, usdPerHour: 1 };
    expect(await execute({ config: fakeConfig({ training: { epochs: 500 }, budget }) })).toEqual({ status: 'done' });
    expect(await outcomeOf()).toMatchObject({
      outcome: 'budget',
      reason: 'the next epoch would exceed the budget of 0.01 USD',
    });
    const { seconds } = (await readProgress(store, await readHeadManifest(store, run)))!;
    expect(seconds).toBeLessThanOrEqual(36);
    expect((await readRunReport(store, run)).cost).toEqual({ usd: seconds / 3600, basis: 'usdPerHour' });
    expect(await store.list(`${run}/meter/`)).toEqual([]);

    store = memoryStore();
    expect(await execute({ config: fakeConfig({ budget: { usd: 1 } }) })).toMatchObject({
      status: 'failed',
      error: { name: 'UserError', message: expect.stringContaining('a budget in dollars needs budget.usdPerHour') },
    });
  });

  it('says in its outcome, report and card when training did not help', async () => {
    const behaviour = { metric: (epoch: number) => 1 + epoch };
    expect(await execute({ config: fakeConfig(), behaviour })).toEqual({ status: 'done' });
    const remark = 'training did not help: the model before training is the best by nRMSE, and is what is exported';
    expect(await outcomeOf()).toMatchObject({ reason: 'all 4 epochs are trained', remark });
    expect(events.findLast(({ type }) => type === 'finished')).toMatchObject({
      reason: `all 4 epochs are trained; ${remark}`,
    });
    const text = async (key: string) => new TextDecoder().decode((await store.get(key))!.bytes);
    expect(await text(runKeys.model(run, 'README.md'))).toContain('Training did not help: the model before training');
    expect(await text(runKeys.report(run))).toContain('Training did not help “fake”: in 4 epochs no nRMSE was better');
    expect((await summariseRun(store, run)).reason).toContain(remark);
  });

  it('does not take a model of which some was drawn for the best, nor counts patience from it', async () => {
    const convergence = { patience: 2 };
    const behaviour: FakeBehaviour = { metric: (epoch) => [0.1, 5, 6, 4, 6, 6][epoch]!, drawn: ['classifier'] };
    const config = fakeConfig({ training: { epochs: 20 }, convergence });
    expect(await execute({ config, behaviour })).toEqual({ status: 'done' });
    expect(await readRunRecord(store, run)).toMatchObject({ drawn: ['classifier'] });
    expect(await headEpoch()).toBe(5);
    expect((await readRunReport(store, run)).best).toEqual({ epoch: 3, value: 4 });
    expect((await outcomeOf())!.remark).toBeUndefined();
  });

  it('exports the model before training where the budget ends before an epoch was trained, and says so', async () => {
    const config = fakeConfig({ budget: { hours: 1e-9 } });
    await execute({ config, behaviour: { drawn: 'all' } });
    expect(await headEpoch()).toBe(0);
    expect(await outcomeOf()).toMatchObject({
      outcome: 'budget',
      remark:
        'no epoch was trained to its end: the model before training is what is exported, with all its weights as drawn from the seed',
    });
    expect(await store.get(runKeys.model(run, 'model.safetensors'))).toBeDefined();
  });

  it('breaks ties of the metric by the loss of the evaluation', async () => {
    const behaviour: FakeBehaviour = { metric: () => 0.5, loss: (epoch) => 1 + Math.abs(epoch - 2) };
    await execute({ config: fakeConfig(), behaviour });
    expect((await readRunReport(store, run)).best).toEqual({ epoch: 2, value: 0.5, loss: 1 });
  });

  it('may begin with a model that has no finite metric', async () => {
    const behaviour = { metric: (epoch: number) => (epoch === 0 ? Number.POSITIVE_INFINITY : 1 / epoch) };
    expect(await execute({ config: fakeConfig(), behaviour })).toEqual({ status: 'done' });
    expect((await readRunReport(store, run)).best).toEqual({ epoch: 4, value: 0.25 });
  });

  it('keeps its time right when the clock is set back', async () => {
    const backwards = (context: TaskContext): TaskContext => {
      let hour = 100;
      return { ...context, now: () => new Date(Date.UTC(2026, 10, 23) + 3_600_000 * hour--) };
    };
    expect(await execute({ config: fakeConfig(), context: backwards })).toEqual({ status: 'done' });
    const again = fakeConfig({ training: { epochs: 5 } });
    expect(await execute({ config: again, context: backwards })).toEqual({ status: 'done' });
    expect((await readProgress(store, await readHeadManifest(store, run)))!.seconds).toBe(0);
  });
});

describe('a task that fails in passing', () => {
  const failing = (times: number): FakeBehaviour => {
    let left = times;
    return {
      onTrain(epoch) {
        if (epoch === 2 && left-- > 0) throw new TransientError('the disk did not answer');
      },
    };
  };

  it('is tried again, and leaves no trace in the result', async () => {
    expect(await execute({ config: fakeConfig(), behaviour: failing(2) })).toEqual({ status: 'done' });
    expect(events.filter(({ type }) => type === 'retry')).toEqual(
      Array(2).fill({ type: 'retry', state: 'TrainEpoch' }),
    );
    expect(await outcomeOf()).toMatchObject({ outcome: 'completed' });
  });

  it('waits longer when it is a shard that the account has no room for', async () => {
    let times = 8;
    const busy = (context: TaskContext): TaskContext => ({
      ...context,
      async openSolver(flops, recorded) {
        if (recorded !== undefined && times-- > 0) {
          throw Object.assign(new Error('Rate Exceeded.'), { name: 'Lambda.TooManyRequestsException' });
        }
        return context.openSolver(flops, recorded);
      },
    });
    expect(await execute({ config: fakeConfig(), context: busy })).toEqual({ status: 'done' });
    expect(events.filter(({ type }) => type === 'retry')).toHaveLength(8);
  });

  it('fails the run after the last try', async () => {
    const execution = await execute({ config: fakeConfig(), behaviour: failing(5) });
    expect(execution).toMatchObject({ status: 'failed', error: expect.any(TransientError) });
    expect(await outcomeOf()).toMatchObject({ outcome: 'failed', reason: 'the disk did not answer' });
    expect(await headEpoch()).toBe(1);
  });

  it('is not taken for the cause when the run diverges later', async () => {
    const behaviour = { ...failing(1), diverges: (epoch: number) => epoch === 3 };
    expect(await execute({ config: fakeConfig(), behaviour })).toEqual({ status: 'diverged' });
  });

  it('is tried again when it is Checkpoint, without committing twice', async () => {
    let failures = 0;
    const unsteady = (context: TaskContext): TaskContext => ({
      ...context,
      store: {
        ...store,
        async put(key, bytes) {
          if (key === runKeys.best(run) && failures++ % 2 === 0) throw new TransientError('the disk did not answer');
          return store.put(key, bytes);
        },
      },
    });
    expect(await execute({ config: fakeConfig(), context: unsteady })).toEqual({ status: 'done' });
    expect(await headEpoch()).toBe(4);
    expect(events.filter(({ type }) => type === 'retry')).toHaveLength(5);
  });
});

describe('a run that diverges', () => {
  it('ends in Diverged, with the best epoch before that exported', async () => {
    const diverges = (epoch: number) => epoch === 3;
    expect(await execute({ config: fakeConfig(), behaviour: { diverges } })).toEqual({ status: 'diverged' });
    expect(states().slice(-7)).toEqual([...trainStates, 'Finalise', 'Publish?', 'Outcome?', 'Diverged']);
    expect(await headEpoch()).toBe(2);
    expect(await outcomeOf()).toMatchObject({
      outcome: 'diverged',
      reason: 'the loss became NaN in epoch 3, step 1',
    });
    const { attempt } = (await readManifest(store, run, 2))!;
    const kept = (await store.get(runKeys.artifact(run, 2, attempt, 'model.safetensors')))!;
    expect((await store.get(runKeys.model(run, 'model.safetensors')))!.bytes).toEqual(kept.bytes);
    expect((await readRunReport(store, run)).status).toBe('diverged');
  });

  it.each([
    [
      { loss: 3, gradientNorm: Number.POSITIVE_INFINITY },
      'the norm of the gradient became Infinity in epoch 2, step 1, at a loss of 3',
    ],
    [
      { loss: 3, gradientNorm: 2 },
      'weights were no longer finite numbers after the update in epoch 2, step 1, at a loss of 3',
    ],
  ])('says what it was that stopped being finite: %o', async (divergence, reason) => {
    const behaviour: FakeBehaviour = { diverges: (epoch) => epoch === 2, divergence };
    expect(await execute({ config: fakeConfig(), behaviour })).toEqual({ status: 'diverged' });
    expect(await outcomeOf()).toMatchObject({ outcome: 'diverged', reason });
  });

  it('says that nothing was trained where it does so in the first epoch', async () => {
    await execute({ config: fakeConfig(), behaviour: { diverges: () => true, drawn: ['classifier'] } });
    expect((await outcomeOf())!.remark).toMatch(/^no epoch was trained to its end: .* with classifier as drawn/);
  });

  it('goes on from the last good epoch when it is resumed', async () => {
    await execute({ config: fakeConfig(), behaviour: { diverges: (epoch) => epoch === 3 } });
    expect(await execute()).toEqual({ status: 'done' });
    expect(await headEpoch()).toBe(4);
    expect(await outcomeOf()).toMatchObject({ outcome: 'completed' });
  });
});

describe('a metric that is not a finite number', () => {
  it('is no divergence: the epoch is committed with null for it, is not the best, and is told of once', async () => {
    const metric = (epoch: number) => [4, 3, Number.NaN, Number.POSITIVE_INFINITY, 5][epoch]!;
    expect(await execute({ config: fakeConfig(), behaviour: { metric } })).toEqual({ status: 'done' });
    expect(await outcomeOf()).toMatchObject({ outcome: 'completed', reason: 'all 4 epochs are trained' });
    const report = await readRunReport(store, run);
    expect(report.epochs.map(({ metrics }) => metrics.nRMSE)).toEqual([4, 3, null, null, 5]);
    expect(report.best).toEqual({ epoch: 1, value: 3 });
    const told = warnings().filter((message) => message.startsWith('nRMSE is '));
    expect(told).toEqual([expect.stringMatching(/^nRMSE is NaN at epoch 2: .* can't be the best/)]);
    expect(events.find((event) => event.type === 'epoch' && event.epoch === 2)).toMatchObject({
      metric: { value: null },
      best: { epoch: 1 },
    });
  });

  it('at every epoch leaves the model of the last one, and the run says so', async () => {
    const behaviour = { metric: () => Number.POSITIVE_INFINITY };
    const config = fakeConfig({ convergence: { patience: 1, target: 1 } });
    expect(await execute({ config, behaviour })).toEqual({ status: 'done' });
    expect(await headEpoch()).toBe(4);
    expect(await outcomeOf()).toMatchObject({
      outcome: 'completed',
      remark:
        'nRMSE was not a finite number after any trained epoch, so none is the best: the model of epoch 4 is what is exported',
    });
    const { attempt } = (await readManifest(store, run, 4))!;
    const last = (await store.get(runKeys.artifact(run, 4, attempt, 'model.safetensors')))!;
    expect((await store.get(runKeys.model(run, 'model.safetensors')))!.bytes).toEqual(last.bytes);
    expect(warnings().filter((message) => message.startsWith('nRMSE is '))).toHaveLength(1);
    expect(await summariseRun(store, run)).toMatchObject({ best: null, epoch: 4 });
    expect(await execute()).toEqual({ status: 'done' });
  });
});

describe('an error', () => {
  it('of the user ends the run at once, with its message on record', async () => {
    const onTrain = (epoch: number) => {
      if (epoch === 2) throw new UserError('the data are too few', { remedy: 'Give more.' });
    };
    const execution = await execute({ config: fakeConfig(), behaviour: { onTrain } });
    expect(execution).toMatchObject({ status: 'failed', error: expect.any(UserError) });
    expect(states().slice(-5)).toEqual(['TrainEpoch', 'CollectEpoch', 'RecordFailure', 'Failed?', 'Failed']);
    expect(events.filter(({ type }) => type === 'retry')).toEqual([]);
    expect(await outcomeOf()).toMatchObject({
      outcome: 'failed',
      reason: 'the data are too few\n  Give more.',
      error: { name: 'UserError', message: 'the data are too few\n  Give more.' },
    });
    expect(await headEpoch()).toBe(1);
    expect(await execute()).toEqual({ status: 'done' });
    expect(await outcomeOf()).toMatchObject({ outcome: 'completed' });
  });

  it('in Prepare is on record too', async () => {
    const missing = fakeConfig({ dataset: { format: 'pdebench', path: '/nowhere/data.hdf5' } });
    const execution = await execute({ config: missing });
    expect(execution).toMatchObject({ status: 'failed', error: expect.any(UserError) });
    expect(states()).toEqual(['Prepare', 'RecordFailure', 'Failed?', 'Failed']);
    expect((await outcomeOf())!.reason).toContain('/nowhere/data.hdf5');
  });

  it('that can not even be recorded is reported as it was', async () => {
    const full = (context: TaskContext): TaskContext => ({
      ...context,
      store: {
        ...store,
        async put(key) {
          throw new RunError(key.endsWith('outcome.json') ? 'could not record' : 'the disk is full');
        },
      },
    });
    const execution = await execute({ config: fakeConfig(), context: full });
    expect(execution).toMatchObject({ status: 'failed', error: { message: 'the disk is full' } });
  });

  it('says when there is no such run', async () => {
    const execution = await execute();
    expect(execution).toMatchObject({ status: 'failed', error: { message: 'memory/runs/fake: there is no such run' } });
  });
});

describe('a run that is interrupted', () => {
  it('stops after the commit of the epoch, and goes on from there', async () => {
    let stop = false;
    const behaviour = {
      onTrain(epoch: number) {
        stop = epoch === 2;
      },
    };
    const stopRequested = () => stop;
    expect(await execute({ config: fakeConfig(), behaviour, stopRequested })).toEqual({ status: 'interrupted' });
    expect(states().at(-1)).toBe('Checkpoint');
    expect(await headEpoch()).toBe(2);
    expect(await outcomeOf()).toBeUndefined();

    events = [];
    expect(await execute()).toEqual({ status: 'done' });
    expect(states()).toEqual(['Prepare', 'Where to begin?', ...epochStates, ...epochStates, ...ending]);
    expect((await readRunRecord(store, run)).history.map(({ what }) => what)).toEqual([
      'started',
      'resumed after epoch 2',
    ]);
  });

  it('is finalised by resuming when the last epoch was committed already', async () => {
    const stopRequested = () => events.some((event) => event.type === 'epoch' && event.epoch === 4);
    expect(await execute({ config: fakeConfig(), stopRequested })).toEqual({ status: 'interrupted' });
    expect(await headEpoch()).toBe(4);
    events = [];
    expect(await execute()).toEqual({ status: 'done' });
    expect(states()).toEqual(['Prepare', 'Where to begin?', ...ending]);
    expect(await outcomeOf()).toMatchObject({ outcome: 'completed' });
  });
});

describe('a finished run', () => {
  it('goes on when it is resumed with more epochs, as if they had been asked for at first', async () => {
    await execute({ config: fakeConfig({ training: { epochs: 2 } }) });
    expect(await execute({ config: fakeConfig({ training: { epochs: 4 } }) })).toEqual({ status: 'done' });
    const grown = await store.get(runKeys.model(run, 'model.safetensors'));
    expect(await outcomeOf()).toMatchObject({ reason: 'all 4 epochs are trained' });
    expect((await readRunRecord(store, run)).history.map(({ what }) => what)).toContain('training.epochs: 2 -> 4');

    store = memoryStore();
    await execute({ config: fakeConfig({ training: { epochs: 4 } }) });
    expect((await store.get(runKeys.model(run, 'model.safetensors')))!.bytes).toEqual(grown!.bytes);
  });

  it('is finalised again when it is resumed as it is', async () => {
    await execute({ config: fakeConfig() });
    await store.delete(runKeys.report(run));
    expect(await execute()).toEqual({ status: 'done' });
    expect(await store.get(runKeys.report(run))).toBeDefined();
    expect(await headEpoch()).toBe(4);
  });
});

describe('the solver of a run', () => {
  const openedWith = async (story: Story, version: string) => {
    const asked: (string | undefined)[] = [];
    await execute({
      ...story,
      context: (context) => ({
        ...context,
        openSolver: async (_flops, recorded) => {
          asked.push(recorded);
          return callingThread({ ...portableSolver, version });
        },
      }),
    });
    return asked;
  };

  it('is on record from the start, and asked for again when the run is resumed', async () => {
    const config = fakeConfig({ training: { epochs: 1 } });
    expect(await openedWith({ config }, 'wasm fma')).toEqual([undefined, 'wasm fma', 'wasm fma']);
    expect((await readRunRecord(store, run)).versions.solver).toBe('wasm fma');
    const more = fakeConfig({ training: { epochs: 2 } });
    expect(await openedWith({ config: more }, 'wasm fma')).toEqual(['wasm fma', 'wasm fma']);
    expect(warnings().filter((message) => message.includes('solver'))).toEqual([]);
  });

  it('is noted in the history when it is another than before', async () => {
    await openedWith({ config: fakeConfig({ training: { epochs: 1 } }) }, 'openblas 0.3.21 Zen');
    await openedWith({ config: fakeConfig({ training: { epochs: 2 } }) }, 'wasm fma');
    const note = 'versions.solver: "openblas 0.3.21 Zen" -> "wasm fma"';
    expect(warnings()).toContain(note);
    expect((await readRunRecord(store, run)).history.map(({ what }) => what)).toContain(note);
  });
});

describe('a run with a damaged artifact', () => {
  async function damageFile(epoch: number, file: string): Promise<string> {
    const { attempt } = (await readManifest(store, run, epoch))!;
    const key = runKeys.artifact(run, epoch, attempt, file);
    await store.put(key, new TextEncoder().encode('damaged'));
    return key;
  }

  it('goes on from the epoch before, names the file, and ends the same', async () => {
    await execute({ config: fakeConfig() });
    const exported = (await store.get(runKeys.model(run, 'model.safetensors')))!.bytes;
    const key = await damageFile(4, 'model.safetensors');
    expect(await execute()).toEqual({ status: 'done' });
    expect(warnings().join('\n')).toContain(key);
    expect(warnings().join('\n')).toContain('went back to epoch 3, the last intact one');
    expect((await readRunRecord(store, run)).history.map(({ what }) => what).join('\n')).toContain(key);
    expect((await store.get(runKeys.model(run, 'model.safetensors')))!.bytes).toEqual(exported);
  });

  it('goes on with a head that is cut off', async () => {
    await execute({ config: fakeConfig() });
    await store.put(runKeys.head(run), new TextEncoder().encode('{"epo'));
    expect(await execute({ config: fakeConfig({ training: { epochs: 5 } }) })).toEqual({ status: 'done' });
    expect(warnings().join('\n')).toContain('head.json is damaged: made anew from epoch 4');
    expect(await headEpoch()).toBe(5);
  });

  it('exports the last model when the best one is damaged', async () => {
    const metric = (epoch: number) => Math.abs(epoch - 2) + 1;
    await execute({ config: fakeConfig(), behaviour: { metric } });
    const key = await damageFile(2, 'model.safetensors');
    expect(await execute({ behaviour: { metric } })).toEqual({ status: 'done' });
    expect(warnings().join('\n')).toContain(key);
    const { attempt } = (await readManifest(store, run, 4))!;
    const last = (await store.get(runKeys.artifact(run, 4, attempt, 'model.safetensors')))!;
    expect((await store.get(runKeys.model(run, 'model.safetensors')))!.bytes).toEqual(last.bytes);
  });

  it('leaves an old epoch out of the report when its measurements are damaged', async () => {
    await execute({ config: fakeConfig() });
    const key = await damageFile(1, 'metrics.json');
    expect(await execute()).toEqual({ status: 'done' });
    expect(warnings().join('\n')).toContain(`the report leaves out epoch 1: memory/${key}`);
    expect((await readRunReport(store, run)).epochs.map(({ epoch }) => epoch)).toEqual([0, 2, 3, 4]);
  });
});
