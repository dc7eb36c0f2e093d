import { beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { encodeJson, readJson } from '../../shared/checkpoints/json.ts';
import { readArtifact, readHead, readHeadManifest, readManifest } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import type { RunConfig } from '../../shared/config/run-file.ts';
import { InterruptedError, TransientError, UserError } from '../../shared/core/errors.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import type { ProgressEvent, TaskContext } from '../../shared/pipeline/context.ts';
import type { PipelineState, TaskName } from '../../shared/pipeline/messages.ts';
import { outcomeSchema, readMetrics, readProgress, readRunRecord } from '../../shared/pipeline/records.ts';
import { runTask } from '../../shared/pipeline/tasks/index.ts';
import { type Environment, environmentOf, runTrainingJob } from '../../shared/pipeline/training-job.ts';
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
  readonly context?: Partial<TaskContext>;
  readonly process?: string;
}

function contextOf({ behaviour, context, process = 'p' }: Story): TaskContext {
  return { ...fakeContext(store, fakeWorkload(behaviour), { process, events }), ...context };
}

/** The state with which the training task is entered. */
async function prepared(ctx: TaskContext, config: RunConfig = fakeConfig()): Promise<PipelineState> {
  await requestRun(store, config);
  return (await runTask('Prepare', ctx, { run })) as PipelineState;
}

const trainTask = (ctx: TaskContext, state: PipelineState) =>
  runTask('TrainEpoch', ctx, state) as Promise<PipelineState>;
const collect = (ctx: TaskContext, state: object) => runTask('CollectEpoch', ctx, state) as Promise<PipelineState>;
const states = () => events.flatMap((event) => (event.type === 'state' ? [event.state] : []));
const headEpoch = async () => (await readHead(store, run))?.epoch;

/** Bytes of every epoch's results. */
async function resultsOf(): Promise<unknown[]> {
  const results: unknown[] = [];
  for (let epoch = 0; epoch <= (await headEpoch())!; epoch++) {
    const manifest = (await readManifest(store, run, epoch))!;
    for (const file of ['model.safetensors', 'optimizer.safetensors', 'spectra.json', 'rates.json'] as const) {
      const kept = await store.get(runKeys.artifact(run, epoch, manifest.attempt, file));
      results.push([epoch, file, manifest.files[file]?.sha256, kept && (await readArtifact(store, manifest, file))]);
    }
  }
  return results;
}

describe('epochs in one task', () => {
  const configOf = (epochsPerTask: number | 'auto', epochs = 7) =>
    fakeConfig({ training: { epochs }, compute: { epochsPerTask }, output: { keep: 100 }, balance: { every: 2 } });

  async function complete(config: RunConfig, story: Story = {}) {
    store = memoryStore();
    events = [];
    await requestRun(store, config);
    expect(await runPipeline(run, contextOf(story))).toEqual({ status: 'done' });
    return resultsOf();
  }

  it('give the same bits as one task for each, however many there are', async () => {
    const expected = await complete(configOf(1));
    for (const count of [2, 3, 5, 100]) {
      expect(await complete(configOf(count)), `${count} epochs`).toEqual(expected);
      expect(states().filter((state) => state === 'TrainEpoch')).toHaveLength(Math.ceil(8 / count));
    }
  });

  it('end with the last epoch, and with the patience', async () => {
    const patient = fakeConfig({
      training: { epochs: 20 },
      convergence: { patience: 2 },
      compute: { epochsPerTask: 100 },
    });
    const metric = (epoch: number) => (epoch < 3 ? 5 - epoch : 4);
    await complete(patient, { behaviour: { metric } });
    expect(await headEpoch()).toBe(4);
    expect(await readJson(store, runKeys.outcome(run), outcomeSchema)).toMatchObject({ outcome: 'converged' });
    expect(states().filter((state) => state === 'Checkpoint')).toEqual([]);
  });

  it('are one each with `auto` where a task is started for nothing, and more where starting it takes long', async () => {
    const expected = await complete(configOf('auto'));
    expect(states().filter((state) => state === 'TrainEpoch')).toHaveLength(8);
    expect(await complete(configOf('auto'), { context: { startSeconds: 1 } })).toEqual(expected);
    expect(states().filter((state) => state === 'TrainEpoch').length).toBeLessThan(4);
  });

  it('stop after the one under way when the user asks to stop', async () => {
    const onTrain = (epoch: number) => {
      stop = epoch === 2;
    };
    let stop = false;
    await requestRun(store, configOf(100));
    expect(await runPipeline(run, contextOf({ behaviour: { onTrain } }), () => stop)).toEqual({
      status: 'interrupted',
    });
    expect(await headEpoch()).toBe(2);
  });
});

describe('the first task', () => {
  it('is Prepare, which needs no engine and evaluates nothing', async () => {
    const openWorkload = () => Promise.reject(new Error('no engine here'));
    const state = await prepared(contextOf({ context: { openWorkload } }));
    expect(state).toMatchObject({ epoch: 0, attempt: '', files: {}, decision: { next: 'train' } });
    expect(await store.list(runKeys.epochs(run))).toEqual([]);
  });

  it('checks weights before anything is begun', async () => {
    const initial = () => Promise.reject(new UserError('there is no such file', { where: 'weights.safetensors' }));
    const planWorkload = async () => ({ ...fakeWorkload(), initial });
    await expect(prepared(contextOf({ context: { planWorkload } }))).rejects.toThrow(
      'weights.safetensors: there is no such file',
    );
    expect(await store.list(run)).toEqual([runKeys.request(run)]);
  });

  it('refuses an engine that the machines to train on have not, before anything is begun', async () => {
    const computeFor = () => ({ queue: 'q', definition: 'd', engines: ['auto', 'wasm'] as const });
    const withEngine = (engine: string) =>
      prepared(contextOf({ context: { computeFor } }), fakeConfig({ training: { engine } }));
    await expect(withEngine('tfjs-node-gpu')).rejects.toThrow(
      'training.engine: a deployed run that trains on compute.target cpu has no engine tfjs-node-gpu\n  Choose one of auto, wasm, or compute: gpu.',
    );
    expect(await store.list(run)).toEqual([runKeys.request(run)]);
    expect(await withEngine('wasm')).toMatchObject({ decision: { next: 'train' } });
  });

  it('is followed by one that makes epoch 0 and notes the engine', async () => {
    const ctx = contextOf({});
    const state = await trainTask(ctx, await prepared(ctx));
    expect(state).toMatchObject({ epoch: 0, decision: { next: 'analyse', reason: 'the model before training' } });
    expect(Object.keys(state.files).sort()).toEqual(['metrics.json', 'model.safetensors']);
    expect((await readRunRecord(store, run)).versions.engine).toBe('fake 1.0');
  });
});

describe('the analysis of an attempt', () => {
  it('needs neither data nor engine', async () => {
    const ctx = contextOf({});
    const attempt = await trainTask(ctx, await prepared(ctx));
    const refused = () => Promise.reject(new Error('neither data nor engine here'));
    const light = contextOf({ context: { planWorkload: refused, openWorkload: refused, shardsFor: () => 2 } });
    const planned = (await runTask('PlanAnalysis', light, attempt)) as { shards: number[] };
    for (const shard of planned.shards) await runTask('AnalyseShard', light, { ...attempt, shard, shards: 2 });
    const state = (await runTask('SetRates', light, planned)) as PipelineState;
    expect(await runTask('Checkpoint', light, state)).toMatchObject({ epoch: 1, decision: { next: 'train' } });
  });
});

describe('rates that stay between two analyses', () => {
  it('are those that were trained with, though SetRates has no solver and the balance has changed', async () => {
    const configOf = (target: string) => fakeConfig({ balance: { every: 2, target } });
    const resumed = async (setRates: Partial<TaskContext>) => {
      store = memoryStore();
      await requestRun(store, configOf('learningRate'));
      const stopAfter = (epoch: number) => () =>
        events.some((event) => event.type === 'epoch' && event.epoch === epoch);
      events = [];
      expect(await runPipeline(run, contextOf({}), stopAfter(2))).toEqual({ status: 'interrupted' });
      await requestRun(store, configOf('weightDecay'));
      const ctx = contextOf({ process: 'q' });
      const perform = (name: TaskName, message: unknown) =>
        runTask(name, name === 'SetRates' ? { ...ctx, ...setRates } : ctx, message);
      expect(await runPipeline(run, ctx, undefined, { perform })).toEqual({ status: 'done' });
      return resultsOf();
    };
    const openSolver = () => Promise.reject(new Error('no solver here'));
    expect(await resumed({ openSolver })).toEqual(await resumed({}));
    const { applied } = (await readMetrics(store, (await readManifest(store, run, 3))!))!;
    expect(new Set(applied.map(({ learningRateMultiplier }) => learningRateMultiplier))).toEqual(new Set([1]));
  });
});

describe('a note of a change of engine', () => {
  it('is made when the run is resumed on another', async () => {
    await requestRun(store, fakeConfig({ training: { epochs: 1 } }));
    await runPipeline(run, contextOf({}));
    await requestRun(store, fakeConfig({ training: { epochs: 2 } }));
    const openWorkload = async () => ({ ...fakeWorkload(), engine: 'fake 2.0' });
    await runPipeline(run, contextOf({ context: { openWorkload }, process: 'q' }));
    const note = 'versions.engine: "fake 1.0" -> "fake 2.0"';
    const record = await readRunRecord(store, run);
    expect(record.history.map(({ what }) => what)).toContain(note);
    expect(record.versions.engine).toBe('fake 2.0');
  });
});

describe('what auto has measured', () => {
  it('is said and kept on record, and a resumed run stays with it until an engine is named', async () => {
    const measured = [
      { engine: 'onnx', version: 'onnxruntime-node 1.0', stepSeconds: 0.5 },
      { engine: 'onnx-webgpu', version: 'fake 1.0', stepSeconds: 0.025 },
    ] as const;
    const choice = { engine: 'onnx-webgpu', measured } as const;
    const asked: (string | undefined)[] = [];
    const trainTo = async (epochs: number, engine: string) => {
      const openWorkload: TaskContext['openWorkload'] = async ({ training }, recorded) => {
        asked.push(recorded);
        return { ...fakeWorkload(), ...(training.engine === 'auto' && !recorded ? { choice } : {}) };
      };
      await requestRun(store, fakeConfig({ training: { epochs, engine } }));
      await runPipeline(run, contextOf({ context: { openWorkload }, process: `p${epochs}` }));
      return readRunRecord(store, run);
    };
    const words =
      'a step takes 500 ms on onnx (onnxruntime-node 1.0), 25 ms on onnx-webgpu (fake 1.0): onnx-webgpu trains, as training.engine is auto';
    const notes = (all: readonly { what: string }[]) => all.filter(({ what }) => what === words);
    const first = await trainTo(1, 'auto');
    expect(first.engineChoice).toEqual(choice);
    expect(notes(first.history)).toHaveLength(1);
    expect(events).toContainEqual({ type: 'warning', message: words });
    expect(asked).toEqual([undefined, 'onnx-webgpu']);
    const resumed = await trainTo(2, 'auto');
    expect(resumed.engineChoice).toEqual(choice);
    expect(notes(resumed.history)).toHaveLength(1);
    const named = await trainTo(3, 'onnx');
    expect(named.engineChoice).toBeUndefined();
    expect((await trainTo(4, 'auto')).engineChoice).toEqual(choice);
    expect(asked.slice(2)).toEqual(['onnx-webgpu', undefined, undefined]);
  });

  it('is the processor for a run of an earlier version that trains there', async () => {
    const engine = 'onnxruntime-node 1.30.0, 2 threads';
    await requestRun(store, fakeConfig({ training: { epochs: 1 } }));
    await runPipeline(run, contextOf({ context: { openWorkload: async () => ({ ...fakeWorkload(), engine }) } }));
    await prepared(contextOf({ process: 'q' }));
    expect((await readRunRecord(store, run)).engineChoice).toEqual({ engine: 'onnx' });
  });
});

describe('the record of a run', () => {
  it('keeps what a resume has written while the workload was opened, and while the engine is noted', async () => {
    const resume = async (epochs: number) => {
      const record = await readRunRecord(store, run);
      const { training } = record.config;
      const config = { ...record.config, training: { ...training, epochs } };
      await store.put(runKeys.record(run), encodeJson({ ...record, config }));
    };
    const openWorkload = async () => {
      await resume(8);
      return fakeWorkload();
    };
    let races = 0;
    const raced: ArtifactStore = {
      ...store,
      async putIfMatch(key, bytes, etag) {
        if (key === runKeys.record(run) && races++ === 0) await resume(9);
        return store.putIfMatch(key, bytes, etag);
      },
    };
    const ctx = contextOf({ context: { openWorkload, store: raced } });
    await trainTask(ctx, await prepared(ctx));
    expect(races).toBe(2);
    const { config, versions } = await readRunRecord(store, run);
    expect([config.training.epochs, versions.engine]).toEqual([9, 'fake 1.0']);
  });
});

describe('a task that is told to end', () => {
  it('stops after the step under way, without a result, and goes on elsewhere to the same bits', async () => {
    const onTrain = (epoch: number) => {
      told = epoch === 2;
    };
    let told = false;
    const config = fakeConfig({ compute: { epochsPerTask: 100 }, output: { keep: 100 } });
    const ctx = contextOf({ behaviour: { onTrain }, context: { interrupted: () => told } });
    const state = await prepared(ctx, config);
    await expect(trainTask(ctx, state)).rejects.toThrow(InterruptedError);
    expect(await headEpoch()).toBe(1);
    expect(await store.list(runKeys.results(run))).toEqual([]);

    const calm = contextOf({ process: 'q' });
    const error = { Error: 'States.TaskFailed', Cause: JSON.stringify({ StatusReason: 'Host EC2 (i-1) terminated.' }) };
    const again = await collect(calm, { ...state, error });
    expect(again).toMatchObject({
      decision: { next: 'train' },
      compute: { market: 'spot', interruptions: 1 },
      job: { try: 1 },
    });
    await trainTask(calm, again);
    const interrupted = await resultsOf();

    store = memoryStore();
    const whole = contextOf({ process: 'r' });
    await trainTask(whole, await prepared(whole, config));
    expect(interrupted).toEqual(await resultsOf());
  });
});

describe("a task's result", () => {
  it('is taken whatever is said of the job, and may be taken again', async () => {
    const ctx = contextOf({});
    const state = await prepared(ctx);
    const result = await trainTask(ctx, state);
    const error = { Error: 'States.TaskFailed', Cause: '{"StatusReason":"Host EC2 (i-1) terminated."}' };
    const collected = await collect(ctx, { ...state, error });
    expect({ ...collected, events: 0 }).toEqual({ ...result, events: 0 });
    expect(await collect(ctx, state)).toEqual(collected);
  });

  it('of an earlier try, epoch or execution is never taken for this one', async () => {
    const ctx = contextOf({});
    const state = await prepared(ctx);
    await trainTask(ctx, state);
    const others = [
      { ...state, job: { ...state.job, try: 1 } },
      { ...state, epoch: 1 },
      { ...state, execution: 'another' },
    ];
    for (const other of others) await expect(collect(ctx, other)).rejects.toThrow('ended without a result');
  });

  it('may be an error for good, whose message the run ends with', async () => {
    const onTrain = () => {
      throw new UserError('the data are too few', { remedy: 'Give more.' });
    };
    const ctx = contextOf({ behaviour: { onTrain } });
    const first = await trainTask(ctx, await prepared(ctx, fakeConfig({ compute: { epochsPerTask: 1 } })));
    const planned = (await runTask('PlanAnalysis', ctx, first)) as PipelineState & { shards: number[] };
    await runTask('AnalyseShard', ctx, { ...first, shard: 0, shards: 1 });
    const state = (await runTask('Checkpoint', ctx, await runTask('SetRates', ctx, planned))) as PipelineState;
    await expect(trainTask(ctx, state)).rejects.toThrow(UserError);
    const said = { StatusReason: 'Essential container in task exited', Container: { ExitCode: 2 } };
    const error = { Error: 'States.TaskFailed', Cause: JSON.stringify(said) };
    await expect(collect(ctx, { ...state, error })).rejects.toThrow(
      expect.objectContaining({ name: 'UserError', message: 'the data are too few\n  Give more.' }),
    );
  });

  it('names what was fetched by its address, and not by where it lay on a machine that is gone', async () => {
    const onTrain = () => {
      throw new UserError('the data are too few', { where: '/scratch/inputs/0123/waves.hdf5' });
    };
    const address = 's3://bucket/datasets/waves/waves.hdf5?versionId=1';
    const context = { withAddresses: (text: string) => text.replaceAll('/scratch/inputs/0123/waves.hdf5', address) };
    const ctx = contextOf({ behaviour: { onTrain }, context });
    const state = await prepared(ctx, fakeConfig({ compute: { epochsPerTask: 2 } }));
    await expect(trainTask(ctx, state)).rejects.toThrow(UserError);
    const error = { Error: 'States.TaskFailed', Cause: '{"JobId":"1","Container":{"ExitCode":2}}' };
    await expect(collect(ctx, { ...state, error })).rejects.toThrow(`${address}: the data are too few`);
  });

  it('is cleared away with the commit, the last with the end of the run', async () => {
    await requestRun(store, fakeConfig());
    await runPipeline(run, contextOf({}));
    expect(await store.list(runKeys.results(run))).toEqual([]);
    expect((await store.list(run)).filter((key) => key.includes('-of-'))).toEqual([]);
  });
});

describe('a job without a result', () => {
  const failed = (job: object) => ({ Error: 'States.TaskFailed', Cause: JSON.stringify(job) });
  const crashed = failed({ JobId: 'job-1', StatusReason: 'Task failed to start' });
  const tooLong = failed({ JobId: 'job-1', StatusReason: 'Job attempt duration exceeded timeout' });

  it('is tried again a few times, then the run fails with what was said last', async () => {
    const ctx = contextOf({});
    let state = await prepared(ctx);
    for (let tried = 1; tried <= 3; tried++) {
      state = await collect(ctx, { ...state, error: crashed });
      expect(state.job).toMatchObject({ try: tried, failures: tried });
    }
    await expect(collect(ctx, { ...state, error: crashed })).rejects.toThrow(
      'the training task failed 4 times, the last time so: training job job-1: Task failed to start',
    );
  });

  it('counts failures for each epoch: a job that is cut off after commits has come further', async () => {
    const grouped = { epochsPerTask: 1000 };
    const config = fakeConfig({ training: { epochs: 100 }, compute: grouped, convergence: { patience: 1000 } });
    const calm = contextOf({});
    let state = await prepared(calm, config);
    for (let cut = 1; cut <= 6; cut++) {
      const onTrain = (epoch: number) => {
        if (epoch > 5 * cut) throw new TransientError('cut off');
      };
      await expect(trainTask(contextOf({ behaviour: { onTrain } }), state)).rejects.toThrow('cut off');
      state = await collect(calm, { ...state, error: tooLong });
      expect(state).toMatchObject({
        epoch: 5 * cut + 1,
        decision: { next: 'train' },
        job: { try: 1, failures: 1 },
      });
    }
    const full = contextOf({ context: { historyEvents: state.events + 100 } });
    const stuck = { ...state, job: { ...state.job, failures: 3 }, error: tooLong };
    await expect(collect(full, stuck)).rejects.toThrow('failed 2 times');
    expect(await collect(full, { ...stuck, epoch: 30 })).toMatchObject({ epoch: 31, decision: { next: 'handOver' } });
    const another = { ...stuck, epoch: 30, execution: 'another' };
    expect(await collect(full, another)).toMatchObject({ decision: { next: 'leave' } });
  });

  it('ends by itself before its time is up', async () => {
    const config = fakeConfig({ training: { epochs: 500 }, compute: { epochsPerTask: 1000 } });
    const ctx = contextOf({});
    const state = await prepared(ctx, config);
    const began = ctx.now().getTime();
    const limited = { ...state, compute: { ...state.compute, attemptSeconds: 100 } };
    expect(await trainTask(ctx, limited)).toMatchObject({ attempt: '', decision: { next: 'train' } });
    expect(await headEpoch()).toBeGreaterThan(3);
    // Reading the clock takes a second of it.
    expect(ctx.now().getTime() - began).toBeLessThanOrEqual(100_000);
  });

  it('leaves a state that the next job can be given, however much is said of it', async () => {
    const ctx = contextOf({});
    const state = await trainTask(ctx, await prepared(ctx));
    const long = failed({ JobId: 'job-1', StatusReason: '"no space left"\n'.repeat(2000) });
    const again = await collect(ctx, { ...state, job: { ...state.job, try: 1 }, error: long });
    expect(again.decision.reason).toMatch(/^training job job-1: "no space left.*: tried again on a Spot instance$/s);
    expect(JSON.stringify(JSON.stringify(again)).length).toBeLessThan(4096);
  });

  it('ends the run when no machine was to be had, budget or not', async () => {
    const ctx = contextOf({});
    const state = await prepared(ctx, fakeConfig({ budget: { hours: 1 }, compute: { spot: false, epochsPerTask: 2 } }));
    await trainTask(ctx, state);
    const status = 'Canceled by JobStateTimeLimit action due to reason: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY';
    for (const error of [failed({ JobId: 'job-1', StatusReason: status }), { Error: 'States.Timeout' }]) {
      const waited = collect(ctx, { ...state, job: { ...state.job, try: 1 }, error });
      await expect(waited).rejects.toThrow(/^no machine was to be had: /);
    }
  });

  it('that the workflow has given up is ended, and tried on demand; what AWS Batch said of it is told', async () => {
    const ended: object[] = [];
    const endJob: TaskContext['endJob'] = async (job) => {
      ended.push(job);
      return { reason: 'UNDETERMINED - Batch job is blocked, root cause is undetermined.' };
    };
    const ctx = contextOf({ context: { endJob } });
    const state = await prepared(ctx);
    const timedOut = { Error: 'States.Timeout' };
    const again = await collect(ctx, { ...state, error: timedOut });
    expect(ended).toEqual([{ queue: 'queue-spot', name: 'fake-epoch-0-try-0', execution: state.execution }]);
    expect(again).toMatchObject({ compute: { market: 'onDemand' }, job: { try: 1 }, decision: { next: 'train' } });
    await expect(collect(ctx, { ...again, error: timedOut })).rejects.toThrow(
      /^no machine was to be had: .*: UNDETERMINED - .*\n {2}Usually a quota of GPU vCPUs/,
    );
    const mute = contextOf({ context: { endJob: () => Promise.reject(new Error('not allowed')) } });
    expect(await collect(mute, { ...state, error: timedOut })).toMatchObject({ compute: { market: 'onDemand' } });
    expect(events).toContainEqual({ type: 'warning', message: 'the job could not be ended: not allowed' });
  });

  it('that has waited until the hours were used up ends the run with its best model', async () => {
    const base = contextOf({});
    let waited = 0;
    const ctx = { ...base, now: () => new Date(base.now().getTime() + 1000 * waited) };
    const config = fakeConfig({ budget: { hours: 1 }, compute: { spot: false, epochsPerTask: 2 } });
    const state = await prepared(ctx, config);
    // The clock goes a second further each time it is read.
    expect(state.compute).toMatchObject({ attemptSeconds: 3599, stateSeconds: 4199 });
    const reached = await trainTask(ctx, state);
    waited = 3600;
    expect(
      await collect(ctx, { ...reached, job: { ...reached.job, try: 9 }, error: { Error: 'States.Timeout' } }),
    ).toMatchObject({
      decision: { next: 'finalise', outcome: 'budget' },
    });
  });

  it('that may wait in a queue has an end by the clock, and ends the run with its best model when it comes to it', async () => {
    const base = contextOf({});
    let later = 0;
    const began = base.now().getTime();
    const ctx: TaskContext = {
      ...base,
      now: () => new Date(began + 1000 * later),
      computeFor: (asked) => ({ ...base.computeFor(asked), waitSeconds: 43_200 }),
    };
    const config = fakeConfig({ budget: { hours: 1 }, compute: { spot: false, epochsPerTask: 2 } });
    const state = await prepared(ctx, config);
    const { startedAt, compute } = state;
    expect(compute).toMatchObject({ attemptSeconds: 3525, stateSeconds: 3545 });
    expect(Date.parse(compute.endsAt!) - Date.parse(startedAt)).toBe(3_525_000);
    const reached = await trainTask(ctx, state);
    later = 3525;
    const outOfTime = failed({
      JobId: 'job-1',
      StatusReason: 'Essential container in task exited',
      Container: { ExitCode: 76 },
    });
    const ended = await collect(ctx, { ...reached, job: { ...reached.job, try: 9 }, error: outOfTime });
    expect(ended).toMatchObject({ decision: { next: 'finalise', outcome: 'budget' } });
  });

  it('ends the run when a person has stopped it', async () => {
    const ctx = contextOf({});
    const state = await prepared(ctx);
    const stopped = failed({ JobId: 'job-1', StatusReason: 'wrong data', IsTerminated: true });
    await expect(collect(ctx, { ...state, error: stopped })).rejects.toThrow(
      expect.objectContaining({ name: 'RunError', message: 'training job job-1 was stopped: wrong data' }),
    );
  });

  it('stays on Spot, however often the store did not answer', async () => {
    const ctx = contextOf({});
    let state = await prepared(ctx);
    const transient = failed({ StatusReason: 'Essential container in task exited', Container: { ExitCode: 74 } });
    for (let tried = 1; tried <= 3; tried++) state = await collect(ctx, { ...state, error: transient });
    expect(state).toMatchObject({ compute: { market: 'spot', interruptions: 0 }, job: { failures: 3 } });
  });

  it('is tried again once when it hung, and ends the run with its best model when it ran into the budget', async () => {
    const endless = contextOf({});
    const unlimited = await prepared(endless);
    const again = await collect(endless, { ...unlimited, error: tooLong });
    expect(again).toMatchObject({ decision: { next: 'train' } });
    await expect(collect(endless, { ...again, error: tooLong })).rejects.toThrow('failed 2 times, the last time so');

    store = memoryStore();
    const ctx = contextOf({});
    const state = await prepared(ctx, fakeConfig({ budget: { hours: 1 }, compute: { epochsPerTask: 2 } }));
    expect(state.compute.attemptSeconds).toBe(3599);
    await expect(collect(ctx, { ...state, error: tooLong })).rejects.toThrow('1 h do not suffice for evaluating');
    await trainTask(ctx, state);
    expect(await collect(ctx, { ...state, job: { ...state.job, try: 9 }, error: tooLong })).toMatchObject({
      decision: { next: 'finalise', outcome: 'budget' },
    });
  });
});

describe('time that a job waits for a machine', () => {
  it('counts towards the budget, and not as the length of an epoch', async () => {
    const base = contextOf({});
    let waited = 0;
    const ctx = { ...base, startSeconds: 2, now: () => new Date(base.now().getTime() + 1000 * waited) };
    await requestRun(store, fakeConfig({ budget: { hours: 1 }, compute: { epochsPerTask: 1 } }));
    const runJob = async (environment: Environment) => {
      if ((await headEpoch()) === 1) waited = 2000;
      await runTrainingJob(ctx, environment);
    };
    expect(await runPipeline(run, ctx, undefined, { runJob })).toEqual({ status: 'done' });
    expect(await readJson(store, runKeys.outcome(run), outcomeSchema)).toMatchObject({ outcome: 'completed' });
    const { seconds, slowestEpochSeconds } = (await readProgress(store, await readHeadManifest(store, run)))!;
    expect(seconds).toBeGreaterThan(2000);
    expect(slowestEpochSeconds).toBeGreaterThan(2);
    expect(slowestEpochSeconds).toBeLessThan(100);
  });
});

describe('a failure on record', () => {
  it('has the plain message, when a function reported it too', async () => {
    const ctx = contextOf({});
    const { execution, epoch } = await prepared(ctx);
    const report = { errorType: 'UserError', errorMessage: 'the data are too few', trace: [] };
    const error = { Error: 'UserError', Cause: JSON.stringify(report) };
    expect(await runTask('RecordFailure', ctx, { run, execution, epoch, error })).toMatchObject({
      decision: { next: 'finalise', outcome: 'failed' },
    });
    expect(await readJson(store, runKeys.outcome(run), outcomeSchema)).toMatchObject({
      reason: 'the data are too few',
      error: { name: 'UserError', message: 'the data are too few' },
    });
  });
});

describe('a job', () => {
  it('gets its state in the environment, small enough for a container', async () => {
    const ctx = contextOf({});
    const state = await prepared(ctx);
    const Value = JSON.stringify(state);
    expect(Value.length).toBeLessThan(2048);
    const parameters = {
      JobName: 'x',
      ContainerOverrides: { Environment: [{ Name: 'TEMPBALANCE_STATE', Value }] },
    };
    await runTrainingJob(ctx, environmentOf(parameters));
    expect(await collect(ctx, state)).toMatchObject({ decision: { next: 'analyse' } });
    await expect(runTrainingJob(ctx, {})).rejects.toThrow('TEMPBALANCE_STATE is not set');
  });

  it('and execution are named after the run, in characters that the services take', async () => {
    const ctx = contextOf({});
    const odd = `runs/${'burgers.v2 final'.repeat(9)}`;
    await requestRun(store, fakeConfig());
    await store.put(runKeys.request(odd), (await store.get(runKeys.request(run)))!.bytes);
    const { job } = (await runTask('Prepare', ctx, { run: odd })) as PipelineState;
    expect(job.name).toMatch(/^[A-Za-z0-9_-]{1,40}$/);
  });
});
