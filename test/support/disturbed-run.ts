/** Runs of which single tasks are killed, throttled, given up, called twice, or have a wrong clock. */
import { setImmediate } from 'node:timers/promises';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { type Execution, runPipeline } from '../../shared/local/run-pipeline.ts';
import type { TaskContext } from '../../shared/pipeline/context.ts';
import type { TaskName } from '../../shared/pipeline/messages.ts';
import { runTask } from '../../shared/pipeline/tasks/index.ts';
import { runTrainingJob } from '../../shared/pipeline/training-job.ts';
import { failedJob } from './batch.ts';
import { run } from './fake-run.ts';

/** One call of a task: it can be done in another world than the undisturbed one, and more than once. */
export interface Call {
  readonly ctx: TaskContext;
  work(ctx?: TaskContext): Promise<unknown>;
}

/** What becomes of a call; it gives what the workflow is told. */
export interface Fault {
  /** For the name of a test: `<task>, <what>`. */
  readonly what: string;
  /** How many calls of the same task with the same message are disturbed; absent: the first. */
  readonly times?: number;
  /** Whether a run bears it but once: only the first message of the task is disturbed. */
  readonly onceARun?: boolean;
  disturb(call: Call): Promise<unknown>;
}

const named = (name: string, message: string) => Object.assign(new Error(message), { name });
const killed = () => named('Runtime.ExitError', 'RequestId: 1 Error: Runtime exited with error: signal: killed');
const exitCodeOfKilled = 137;
const killedJob = () =>
  failedJob({ status: 'Essential container in task exited', exitCode: exitCodeOfKilled, id: 'killed' });

/** The store of a process that dies after so many operations: what is asked of it afterwards fails. */
export function dyingAfter(store: ArtifactStore, operations: number): ArtifactStore {
  let left = operations;
  const mortal =
    <Given extends unknown[], Result>(operation: (...given: Given) => Promise<Result>) =>
    async (...given: Given): Promise<Result> => {
      if (left-- <= 0) throw new Error('the process is no more');
      return operation(...given);
    };
  return {
    label: store.label,
    get: mortal(store.get),
    open: mortal(store.open),
    put: mortal(store.put),
    putIfAbsent: mortal(store.putIfAbsent),
    putIfMatch: mortal(store.putIfMatch),
    list: mortal(store.list),
    delete: mortal(store.delete),
  };
}

/** The store of a process that comes to its turn only now and then. */
function slow(store: ArtifactStore): ArtifactStore {
  const later =
    <Given extends unknown[], Result>(operation: (...given: Given) => Promise<Result>) =>
    async (...given: Given): Promise<Result> => {
      for (let turn = 0; turn < 3; turn++) await setImmediate();
      return operation(...given);
    };
  return {
    ...store,
    get: later(store.get),
    open: later(store.open),
    put: later(store.put),
    putIfAbsent: later(store.putIfAbsent),
    putIfMatch: later(store.putIfMatch),
    delete: later(store.delete),
  };
}

const ended = (outcome: () => Error) => async () => {
  throw outcome();
};

/** Does the work and loses the reply. */
const afterIts = (outcome: () => Error) => async (call: Call) => {
  await call.work();
  throw outcome();
};

/** Does a part of the work. */
const amidIts = (operations: number, outcome: () => Error) => async (call: Call) => {
  await call.work({ ...call.ctx, store: dyingAfter(call.ctx.store, operations) }).catch(() => undefined);
  throw outcome();
};

/** Two processes at the same work; only the later one's reply is heard. */
async function sideBySide(call: Call): Promise<unknown> {
  const first = call.work({ ...call.ctx, store: slow(call.ctx.store) }).catch(() => undefined);
  const reply = await call.work();
  await first;
  return reply;
}

async function twice(call: Call): Promise<unknown> {
  await call.work();
  return call.work();
}

/** The store's clock is right; the process is so many hours ahead of it, or behind. */
const withClock = (hours: number) => (call: Call) =>
  call.work({ ...call.ctx, now: () => new Date(call.ctx.now().getTime() + 3_600_000 * hours) });

/** How many operations of the store an amputated call gets: by these a task is cut early, midway and late. */
const parts = [2, 5, 9];

const ofEveryTask: readonly Fault[] = [
  { what: 'called twice', disturb: twice },
  { what: 'called twice at the same time', disturb: sideBySide },
  { what: 'with a clock five hours ahead', times: Number.POSITIVE_INFINITY, disturb: withClock(5) },
  { what: 'with a clock five hours behind', times: Number.POSITIVE_INFINITY, disturb: withClock(-5) },
];

/** What Step Functions says of a function whose call did not go well. */
export const faultsOfFunctions: readonly Fault[] = [
  { what: 'killed before its work', disturb: ended(killed) },
  ...parts.map((operations) => ({
    what: `killed after ${operations} operations of its store`,
    disturb: amidIts(operations, killed),
  })),
  { what: 'killed after its work', disturb: afterIts(killed) },
  {
    what: 'throttled five times',
    times: 5,
    disturb: ended(() => named('Lambda.TooManyRequestsException', 'Rate Exceeded.')),
  },
  { what: 'timed out before its work', disturb: ended(() => named('Sandbox.Timedout', 'Task timed out after 900 s')) },
  { what: 'timed out after its work', disturb: afterIts(() => named('States.Timeout', '')) },
  {
    what: 'done, and its reply lost on the way',
    disturb: afterIts(() => named('Lambda.SdkClientException', 'Unable to execute HTTP request: Read timed out')),
  },
  ...ofEveryTask,
];

const throttledSubmit = (name: string) => ({
  what: `throttled four times (${name})`,
  times: 4,
  disturb: ended(() => named(name, 'Too Many Requests (Service: AWSBatch; Status Code: 429)')),
});

/** The same of training jobs, as AWS Batch tells it. */
export const faultsOfJobs: readonly Fault[] = [
  { what: 'killed before its work', disturb: ended(killedJob) },
  ...parts.map((operations) => ({
    what: `killed after ${operations} operations of its store`,
    disturb: amidIts(operations, killedJob),
  })),
  { what: 'killed after its work', disturb: afterIts(killedJob) },
  {
    what: 'whose machine is taken away',
    disturb: amidIts(parts[1]!, () => failedJob({ status: 'Host EC2 (instance i-0) terminated.' })),
  },
  throttledSubmit('Batch.TooManyRequestsException'),
  throttledSubmit('Batch.BatchException'),
  throttledSubmit('Batch.AWSBatchException'),
  {
    what: 'that hangs until its time is up',
    disturb: amidIts(parts[1]!, () => failedJob({ status: 'Job attempt duration exceeded timeout' })),
  },
  {
    what: 'ended for want of time after its work',
    disturb: afterIts(() => failedJob({ status: 'Job attempt duration exceeded timeout' })),
  },
  // Where no on-demand machine is to be had either, the run fails.
  {
    what: 'given up by the workflow while it waits',
    onceARun: true,
    disturb: ended(() => named('States.Timeout', '')),
  },
  { what: 'given up by the workflow after its work', disturb: afterIts(() => named('States.Timeout', '')) },
  ...ofEveryTask,
];

/** What makes two calls the same: retries of a job differ in other parts of their state. */
function partOf(message: unknown): string {
  const { epoch, shard } = message as { epoch?: number; shard?: number };
  return `${epoch} ${shard}`;
}

/**
 * Runs the workflow with every call of a task disturbed, each message of it so often as the faults say.
 * @param faults by task; of a task with several, one behind the other
 */
export function runDisturbed(
  ctx: TaskContext,
  faults: Partial<Record<TaskName, readonly Fault[]>>,
  onTask?: NonNullable<Parameters<typeof runPipeline>[3]>['onTask'],
): Promise<Execution> {
  const disturbed = new Map<string, number>();
  const call = (name: TaskName, message: unknown, work: Call['work']) => {
    const of = `${name} ${partOf(message)}`;
    let met = disturbed.get(of) ?? 0;
    disturbed.set(of, met + 1);
    const isFirst = [...disturbed.keys()].find((key) => key.startsWith(`${name} `)) === of;
    for (const { times = 1, onceARun = false, disturb } of faults[name] ?? []) {
      if (onceARun && !isFirst) continue;
      if (met < times) return disturb({ ctx, work });
      met -= times;
    }
    return work();
  };
  return runPipeline(run, ctx, undefined, {
    retryDelay: 0,
    ...(onTask ? { onTask } : {}),
    perform: (name, message) => call(name, message, (world = ctx) => runTask(name, world, message)),
    runJob: (environment) =>
      call('TrainEpoch', JSON.parse(environment.TEMPBALANCE_STATE!), (world = ctx) =>
        runTrainingJob(world, environment),
      ),
  });
}
