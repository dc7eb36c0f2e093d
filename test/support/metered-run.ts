/** A deployed run whose time is made up: functions and training jobs take what a story says, and are metered. */
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { jobLaps } from '../../shared/cloud/meter.ts';
import type { RunConfig } from '../../shared/config/run-file.ts';
import { InterruptedError } from '../../shared/core/errors.ts';
import type { Machine } from '../../shared/costs/machines.ts';
import { type MeterEntry, readMeterEntries } from '../../shared/costs/meter.ts';
import type { RegionPrices } from '../../shared/costs/prices.ts';
import { type Execution, runPipeline } from '../../shared/local/run-pipeline.ts';
import type { EndedJob, ProgressEvent, TaskContext } from '../../shared/pipeline/context.ts';
import type { TaskName } from '../../shared/pipeline/messages.ts';
import { metered } from '../../shared/pipeline/metering.ts';
import { runTask } from '../../shared/pipeline/tasks/index.ts';
import { runTrainingJob } from '../../shared/pipeline/training-job.ts';
import type { Workload } from '../../shared/training/workload.ts';
import { failedJob } from './batch.ts';
import { fakeContext, requestRun, run } from './fake-run.ts';
import { fakeWorkload } from './fake-workload.ts';

export const prices: RegionPrices = {
  instances: { 'g4dn.xlarge': 0.5, 'g5.xlarge': 1 },
  fargateVcpuHour: 0.04,
  fargateGbHour: 0.004,
  lambdaGbSecond: 0.00002,
  lambdaRequest: 0.0000002,
  s3Write: 0.000005,
  s3Read: 0.0000004,
  s3GbMonth: 0.02,
  stateTransition: 0.000025,
};

/** 0.224 USD an hour. */
const machine: Machine = { kind: 'fargate', vcpus: 4, memoryGb: 16 };
const usdPerSecond = 0.224 / 3600;
/** Of a job, in full; what it takes less is not known to anybody. */
const jobStartSeconds = 60;
/** Of every task. */
const requests = { writes: 2, reads: 5 };
const requestsUsd = requests.writes * prices.s3Write + requests.reads * prices.s3Read;
const functionUsd = (seconds: number) =>
  seconds * prices.lambdaGbSecond + prices.lambdaRequest + 2 * prices.stateTransition + requestsUsd;

const errorNamed = (name: string) => Object.assign(new Error(name), { name });
/** What Step Functions says of a job that it waits for no longer. */
const givenUp = () => Object.assign(new Error(''), { name: 'States.Timeout' });

/** How a job goes: to its end, cut off after so many seconds with or without a warning, or it hangs. */
export interface JobStory {
  readonly end: 'done' | 'told to end' | 'cut off' | 'hangs';
  /** For a job that doesn't get to its end. */
  readonly after: number;
  /** Seconds in its queue before it begins; absent: none. */
  readonly waits?: number;
}

/**
 * How the call of a function goes: it is done; it is killed, which nobody meters; it runs into its time limit; it is refused
 * for want of room, and time passes.
 */
export type CallStory = 'done' | 'killed' | 'timed out' | 'throttled';

export interface MeteredStory {
  readonly config: RunConfig;
  /** Of every function, in turn; the last of them for all that follow. */
  readonly functionSeconds?: readonly number[];
  /** Of evaluating the model, and of every trained epoch. */
  readonly epochSeconds?: readonly number[];
  readonly jobs?: readonly JobStory[];
  /** Of the calls of functions, in turn; absent, and after the last: done. */
  readonly calls?: readonly CallStory[];
  readonly context?: Partial<TaskContext>;
}

/** What a call of a task costs. */
export interface Billed {
  readonly task: TaskName;
  readonly usd: number;
  readonly isMetered: boolean;
}

export interface MeteredRun {
  readonly execution: Execution;
  readonly store: ArtifactStore;
  readonly events: readonly ProgressEvent[];
  /** What there is to be paid, metered or not, in the order in which it was used. */
  readonly bill: readonly Billed[];
  /** From the beginning to the end of the last job, in seconds. */
  readonly lastJobEnded: number;
  /** In the order of their keys. */
  readonly entries: readonly MeterEntry[];
  readonly usd: number;
  /** How long each job was allowed to run, and ran, in seconds. */
  readonly jobs: readonly { readonly limit: number; readonly ran: number }[];
}

/** From the end of a job's time until a container is killed that does not heed the signal; the service is late by some of them. */
export const endingSeconds = 35;

/** A function's time limit, and how long one waits that is refused, in seconds. */
const functionLimit = 900;
const throttledSeconds = 60;

/** How long a job may wait in its queue. */
const queueSeconds = 7200;

let executions = 0;

const inTurn = <Item>(items: readonly Item[]) => {
  let next = 0;
  return () => items[Math.min(next++, items.length - 1)]!;
};

/** Runs the workflow; once more on a store where it has run before. */
export async function runMetered(story: MeteredStory, store: ArtifactStore = memoryStore()): Promise<MeteredRun> {
  const { config, functionSeconds = [1], epochSeconds = [100], jobs = [], calls: told = [], context } = story;
  const nextFunction = inTurn(functionSeconds);
  const nextEpoch = inTurn(epochSeconds);
  const jobsLeft = [...jobs];
  const callsLeft = [...told];
  const bill: Billed[] = [];
  let lastJobEnded = 0;
  const ran: { limit: number; ran: number }[] = [];
  const events: ProgressEvent[] = [];
  const began = Date.UTC(2026, 10, 24);
  let clock = began;
  let calls = 0;
  const execution = executions++;
  const meter = { prices: async () => prices, functionGb: 1, takeRequests: () => requests };
  const computeFor: TaskContext['computeFor'] = ({ target, market }) => ({
    queue: market,
    definition: target,
    machine,
    waitSeconds: queueSeconds,
  });
  let givenUpJob: EndedJob = {};
  const ctx: TaskContext = {
    ...fakeContext(store, fakeWorkload(), { process: `p${execution}`, events }),
    now: () => new Date(clock),
    startSeconds: 60,
    meter,
    computeFor,
    endJob: async () => givenUpJob,
    ...context,
  };

  const runJob = async (environment: Readonly<Record<string, string | undefined>>) => {
    const { compute } = JSON.parse(environment.TEMPBALANCE_STATE!);
    const { attemptSeconds: ownLimit, stateSeconds } = compute as { attemptSeconds: number; stateSeconds: number };
    const { end, after, waits = 0 }: JobStory = jobsLeft.shift() ?? { end: 'done', after: 0 };
    givenUpJob = {};
    if (waits >= stateSeconds) {
      clock += 1000 * stateSeconds;
      throw givenUp();
    }
    clock += 1000 * waits;
    // The workflow ends a job that is not over when it gives it up.
    const limit = Math.min(ownLimit, stateSeconds - waits);
    const from = clock;
    const id = `job-${execution}-${ran.length}`;
    const cutAt = end === 'told to end' || end === 'cut off' ? Math.min(after, limit) : limit;
    let isDead = false;
    const advance = (seconds: number) => {
      clock += 1000 * (end === 'hangs' ? Number.POSITIVE_INFINITY : seconds);
      if (clock < from + 1000 * cutAt) return;
      clock = from + 1000 * (cutAt >= limit ? limit + endingSeconds : cutAt);
      isDead = end !== 'told to end' || cutAt >= limit;
      throw new InterruptedError('the job was cut off');
    };
    const whileAlive =
      <Given extends unknown[], Written>(write: (...given: Given) => Promise<Written>) =>
      (...given: Given): Promise<Written> =>
        isDead ? Promise.reject(new Error('the process is no more')) : write(...given);
    const mortal: ArtifactStore = {
      ...store,
      put: whileAlive(store.put),
      putIfAbsent: whileAlive(store.putIfAbsent),
      putIfMatch: whileAlive(store.putIfMatch),
    };
    const workload = slowed(fakeWorkload(), () => advance(nextEpoch()));
    const inside: TaskContext = {
      ...ctx,
      store: mortal,
      openWorkload: async () => workload,
      meter: { ...meter, job: jobLaps(id, () => (clock - from) / 1000) },
    };
    try {
      await runTrainingJob(inside, environment);
    } catch {
      if (limit < ownLimit && clock >= from + 1000 * limit) {
        givenUpJob = { ran: { id, seconds: (clock - from) / 1000 } };
        throw givenUp();
      }
      const status =
        clock >= from + 1000 * limit ? 'Job attempt duration exceeded timeout' : 'Host EC2 (instance i-0) terminated.';
      throw failedJob({ id, status, ran: { from, to: clock } });
    } finally {
      const seconds = (clock - from) / 1000;
      ran.push({ limit, ran: seconds });
      bill.push({ task: 'TrainEpoch', usd: (jobStartSeconds + seconds) * usdPerSecond + requestsUsd, isMetered: true });
      lastJobEnded = (clock - began) / 1000;
    }
  };

  await requestRun(store, config);
  const ended = await runPipeline(run, ctx, undefined, {
    retryDelay: 0,
    runJob,
    perform(name, message) {
      const from = clock;
      const fault = callsLeft.shift() ?? 'done';
      const seconds = fault === 'timed out' ? functionLimit : nextFunction();
      const used = (isMetered: boolean) => {
        clock += 1000 * seconds;
        bill.push({ task: name, usd: functionUsd(seconds), isMetered });
      };
      if (fault === 'throttled') {
        clock += 1000 * throttledSeconds;
        return Promise.reject(errorNamed('Lambda.TooManyRequestsException'));
      }
      if (fault === 'killed') {
        used(false);
        return Promise.reject(errorNamed('Runtime.ExitError'));
      }
      const use = {
        id: `${execution}-${calls++}`,
        memoryGb: 1,
        seconds: () => (clock - from) / 1000,
        secondsLeft: functionLimit,
      };
      return metered(ctx, run, name, use, async () => {
        used(true);
        if (fault === 'timed out') throw errorNamed('Sandbox.Timedout');
        return runTask(name, ctx, message);
      });
    },
  });
  const entries = await allEntries(store);
  const usd = entries.reduce((sum, entry) => sum + entry.usd!, 0);
  return { execution: ended, store, events, bill, lastJobEnded, entries, usd, jobs: ran };
}

/** The workload with something done before each training and before the evaluation of epoch 0. */
function slowed(workload: Workload, pass: () => void): Workload {
  let isTrained = false;
  return {
    ...workload,
    train(...given) {
      pass();
      isTrained = true;
      return workload.train(...given);
    },
    async evaluate(parameters) {
      if (!isTrained) pass();
      return workload.evaluate(parameters);
    },
  };
}

async function allEntries(store: ArtifactStore): Promise<MeterEntry[]> {
  const epochs = new Set((await store.list(`${run}/meter/`)).map((key) => Number(key.split('/').at(-2))));
  return (await Promise.all([...epochs].map((epoch) => readMeterEntries(store, run, epoch)))).flat();
}

export const isExported = async (store: ArtifactStore): Promise<boolean> =>
  (await store.get(runKeys.model(run, 'model.safetensors'))) !== undefined;
