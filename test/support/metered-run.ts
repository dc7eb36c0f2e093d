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
import { hungJobSeconds } from '../../shared/decisions/spending.ts';
import { type Execution, runPipeline } from '../../shared/local/run-pipeline.ts';
import type { EndedJob, ProgressEvent, TaskContext } from '../../shared/pipeline/context.ts';
import type { PipelineState, TaskName } from '../../shared/pipeline/messages.ts';
import { type FunctionUse, metered } from '../../shared/pipeline/metering.ts';
import { trainingExitCodes } from '../../shared/pipeline/task-failure.ts';
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
  /** Seconds after which its submission is tried again, since it was throttled; absent: it was not. */
  readonly throttled?: number;
}

/**
 * How the call of a function goes: it is done; it is killed at some time of it; it hangs until it is ended; it is refused for want of room, and
 * time passes.
 */
export type CallStory = 'done' | 'killed' | 'hangs' | 'throttled';

export interface MeteredStory {
  readonly config: RunConfig;
  /** Of every function, in turn; the last of them for all that follow. */
  readonly functionSeconds?: readonly number[];
  /** Of evaluating the model, and of every trained epoch. */
  readonly epochSeconds?: readonly number[];
  readonly jobs?: readonly JobStory[];
  /** Of the calls of functions, in turn; absent, and after the last: done. */
  readonly calls?: readonly CallStory[];
  /** Of a call, in turn: how much of its time it takes before its task's work, from 0 to 1, and of one that is killed, how much it takes at all. */
  readonly parts?: readonly number[];
  readonly context?: Partial<TaskContext>;
  /** Milliseconds since 1970; absent: one and the same moment. */
  readonly begins?: number;
}

/** What a call of a task costs. */
export interface Billed {
  readonly task: TaskName;
  readonly usd: number;
}

export interface MeteredRun {
  readonly execution: Execution;
  readonly store: ArtifactStore;
  readonly events: readonly ProgressEvent[];
  /** What there is to be paid, whatever is known of it, in the order in which it was used. */
  readonly bill: readonly Billed[];
  /** From the beginning to the end of the last job, in seconds; one that begins after its hours ends at once, and is left out. */
  readonly lastJobEnded: number;
  /** Milliseconds since 1970. */
  readonly ended: number;
  /** In the order of their keys. */
  readonly entries: readonly MeterEntry[];
  readonly usd: number;
  /** How long each job was allowed to run, and ran, in seconds. */
  readonly jobs: readonly { readonly limit: number; readonly ran: number }[];
}

/** From the end of a job's time until a container is killed that does not heed the signal; the service is late by some of them. */
export const endingSeconds = 35;

/** A function's time limit, in seconds; what it takes before it has noted its beginning; and how long one waits that is refused. */
const functionLimit = 900;
const functionStart = 1;
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
  const {
    config,
    functionSeconds = [1],
    epochSeconds = [100],
    jobs = [],
    calls: told = [],
    parts = [1],
    context,
  } = story;
  const { begins: began = Date.UTC(2026, 10, 24) } = story;
  const nextFunction = inTurn(functionSeconds);
  const nextEpoch = inTurn(epochSeconds);
  const nextPart = inTurn(parts);
  const jobsLeft = [...jobs];
  const callsLeft = [...told];
  const bill: Billed[] = [];
  let lastJobEnded = 0;
  const ran: { limit: number; ran: number }[] = [];
  const events: ProgressEvent[] = [];
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
    const {
      attemptSeconds: ownLimit,
      stateSeconds,
      endsAt,
    } = compute as PipelineState['compute'] & { stateSeconds: number };
    const { end, after, waits = 0, throttled = 0 }: JobStory = jobsLeft[0] ?? { end: 'done', after: 0 };
    if (throttled > 0) {
      clock += 1000 * throttled;
      jobsLeft[0] = { ...jobsLeft[0]!, throttled: 0 };
      throw errorNamed('Batch.TooManyRequestsException');
    }
    jobsLeft.shift();
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
    if (endsAt !== undefined && from >= Date.parse(endsAt)) {
      bill.push({ task: 'TrainEpoch', usd: jobStartSeconds * usdPerSecond + requestsUsd });
      throw failedJob({ id, status: '', exitCode: trainingExitCodes.outOfTime, ran: { from, to: clock } });
    }
    const isCut = end === 'told to end' || end === 'cut off';
    const byClock = endsAt === undefined ? limit : (Date.parse(endsAt) - from) / 1000 + hungJobSeconds;
    const cutAt = Math.min(isCut ? after : limit, limit, byClock);
    let isDead = false;
    const advance = (seconds: number) => {
      clock += 1000 * (end === 'hangs' ? Number.POSITIVE_INFINITY : seconds);
      if (clock < from + 1000 * cutAt) return;
      clock = from + 1000 * (cutAt >= limit ? limit + endingSeconds : cutAt);
      isDead = end !== 'told to end' || cutAt !== after;
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
      const killed = byClock < limit && cutAt === byClock ? { status: '', exitCode: 137 } : { status };
      throw failedJob({ id, ...killed, ran: { from, to: clock } });
    } finally {
      const seconds = (clock - from) / 1000;
      ran.push({ limit, ran: seconds });
      bill.push({ task: 'TrainEpoch', usd: (jobStartSeconds + seconds) * usdPerSecond + requestsUsd });
      lastJobEnded = (clock - began) / 1000;
    }
  };

  /** Calls a function. A process that ends does nothing more: its promise stays as it is. */
  const callFunction = (name: TaskName, message: unknown, fault: CallStory) =>
    new Promise<unknown>((resolve, reject) => {
      const seconds = nextFunction();
      const part = nextPart();
      let used = Math.min(functionStart, seconds);
      const killedAt = fault === 'killed' ? Math.max(used, seconds * nextPart()) : Number.POSITIVE_INFINITY;
      let limit = functionLimit;
      clock += 1000 * used;
      const end = () => bill.push({ task: name, usd: functionUsd(used) });
      /** Lets time pass; where the process ends meanwhile, for ever. */
      const goOnUntil = async (wanted: number) => {
        const until = Math.min(Math.max(used, wanted), killedAt, limit);
        clock += 1000 * (until - used);
        used = until;
        if (wanted < killedAt && wanted <= limit) return;
        end();
        reject(errorNamed(used === functionLimit ? 'Sandbox.Timedout' : 'Runtime.ExitError'));
        await new Promise(() => undefined);
      };
      const use: FunctionUse = {
        id: `${execution}-${calls++}`,
        memoryGb: 1,
        seconds: () => used,
        secondsLeft: functionLimit - used,
        endAfter(seconds = functionLimit) {
          limit = Math.max(used, Math.min(functionLimit, seconds));
        },
      };
      const work = async (within: TaskContext) => {
        const forEver = Number.POSITIVE_INFINITY;
        await goOnUntil(fault === 'hangs' && part >= 1 / 2 ? forEver : seconds * part);
        const output = await runTask(name, within, message);
        await goOnUntil(fault === 'hangs' ? forEver : seconds);
        return output;
      };
      metered(ctx, { run, task: name, message }, use, work).finally(end).then(resolve, reject);
    });

  await requestRun(store, config);
  const result = await runPipeline(run, ctx, undefined, {
    retryDelay: 0,
    runJob,
    perform(name, message) {
      const fault = callsLeft.shift() ?? 'done';
      if (fault !== 'throttled') return callFunction(name, message, fault);
      clock += 1000 * throttledSeconds;
      return Promise.reject(errorNamed('Lambda.TooManyRequestsException'));
    },
  });
  const entries = await allEntries(store);
  const usd = entries.reduce((sum, entry) => sum + entry.usd!, 0);
  return { execution: result, store, events, bill, lastJobEnded, ended: clock, entries, usd, jobs: ran };
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
  const folders = (await store.list(`${run}/meter/`)).map((key) => Number(key.split('/').at(-2)));
  const epochs = new Set(folders.filter(Number.isInteger));
  return (await Promise.all([...epochs].map((epoch) => readMeterEntries(store, run, epoch)))).flat();
}

export const isExported = async (store: ArtifactStore): Promise<boolean> =>
  (await store.get(runKeys.model(run, 'model.safetensors'))) !== undefined;
