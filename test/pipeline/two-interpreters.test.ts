/**
 * The document in two independent interpreters. A run is made locally; moto then reads the same document and gets from each
 * task what that task gave locally. Both must enter the same states in the same order and give every task the same input.
 * What moto can't tell: it runs no job, so a job's description is scripted in both.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import type { RunConfig } from '../../shared/config/run-file.ts';
import { BudgetError, TransientError, UserError } from '../../shared/core/errors.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import type { ProgressEvent, Publisher, TaskContext } from '../../shared/pipeline/context.ts';
import { eventsOf } from '../../shared/pipeline/history.ts';
import { runTask } from '../../shared/pipeline/tasks/index.ts';
import { runTrainingJob } from '../../shared/pipeline/training-job.ts';
import { failedJob, spotInterruption, waitedInVain } from '../support/batch.ts';
import { type Fault, faultsOfFunctions, faultsOfJobs, runDisturbed } from '../support/disturbed-run.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { type FakeBehaviour, fakeWorkload } from '../support/fake-workload.ts';
import { prices } from '../support/metered-run.ts';
import { type Moto, motoMissing, type RanTask, startMoto, type Told, toldLocally } from '../support/replay.ts';

const missing = motoMissing();
if (missing && !process.env.CI) console.warn(`not replayed in moto: ${missing}`);
const withMoto = it.skipIf(missing !== undefined && !process.env.CI);

interface Story {
  readonly config?: RunConfig;
  readonly behaviour?: FakeBehaviour;
  readonly context?: Partial<TaskContext>;
  /** Jobs that end like this, by their number from 1 on. */
  readonly jobs?: Readonly<Record<number, Error>>;
  readonly beforeJob?: (job: number) => Promise<unknown>;
  /** What is answered when the workflow asks whether the model is published. */
  readonly answer?: object;
  /** What disturbs tasks, in place of `jobs` and `beforeJob`. */
  readonly faults?: Parameters<typeof runDisturbed>[1];
}

let moto: Moto;
beforeAll(() => {
  if (missing && process.env.CI) throw new Error(missing);
  if (!missing) moto = startMoto();
});
afterAll(() => moto?.close());

let store: ArtifactStore;
beforeEach(() => {
  store = memoryStore();
});

const statusOf = { done: 'SUCCEEDED', takenOver: 'SUCCEEDED', diverged: 'FAILED', failed: 'FAILED', interrupted: '' };

/** The first execution of a run, as the local interpreter tells it; of one that hands over, without what follows. */
async function tellLocally({
  config = fakeConfig({ training: { epochs: 2 } }),
  behaviour,
  context,
  jobs = {},
  beforeJob,
  answer,
  faults,
}: Story) {
  await requestRun(store, config);
  const events: ProgressEvent[] = [];
  const tasks: RanTask[] = [];
  const ctx = { ...fakeContext(store, fakeWorkload(behaviour), { process: 'p', events }), ...context };
  let job = 0;
  const onTask = (task: RanTask) => tasks.push(task);
  const undisturbed = () =>
    runPipeline(run, ctx, undefined, {
      retryDelay: 0,
      onTask,
      async perform(name, message) {
        const output = await runTask(name, ctx, message);
        return name === 'AskApproval' ? answer : output;
      },
      async runJob(environment) {
        job += 1;
        await beforeJob?.(job);
        const end = jobs[job];
        if (end) throw end;
        await runTrainingJob(ctx, environment);
      },
    });
  const execution = faults ? await runDisturbed(ctx, faults, onTask) : await undisturbed();
  const states = events.flatMap((event) => (event.type === 'state' ? [event.state] : []));
  /** Up to where the run is handed over. */
  const first = <Item>(items: readonly Item[], nameOf: (item: Item) => string) => {
    const last = items.findIndex((item) => nameOf(item) === 'Successor');
    return last < 0 ? items : items.slice(0, last + 1);
  };
  const own = first(tasks, ({ name }) => name);
  const told = toldLocally(
    statusOf[execution.status],
    first(states, (state) => state),
    own,
  );
  return { told, tasks: own };
}

/** Tells a story in both interpreters. */
async function tell(story: Story): Promise<{ locally: Told; events: number }> {
  const { told, tasks } = await tellLocally(story);
  const { events, ...inMoto } = await moto.replay({ run }, tasks);
  expect(inMoto).toEqual(told);
  return { locally: told, events };
}

const train = ['TrainEpoch', 'CollectEpoch', 'Trained?'];
const commit = ['PlanAnalysis', 'AnalyseShards', 'SetRates', 'Checkpoint', 'Continue?'];
const begin = ['Prepare', 'Where to begin?'];
const end = ['Finalise', 'Publish?', 'Outcome?', 'Done'];
const failure = ['RecordFailure', 'Failed?', 'Failed'];

describe('the local interpreter and moto agree on', () => {
  withMoto('a run that goes well, with an analysis in several shards', async () => {
    const { locally, events } = await tell({ context: { shardsFor: () => 3 } });
    const epoch = [...train, ...commit];
    expect(locally.states).toEqual([...begin, ...epoch, ...epoch, ...epoch, ...end]);
    expect(locally.inputs.AnalyseShard).toHaveLength(9);
    const counted =
      2 +
      eventsOf(['Prepare', 'Where to begin?', 'Finalise', 'Publish?', 'Outcome?', 'Done'], { retries: false }) +
      3 * eventsOf(['TrainEpoch', 'CollectEpoch', 'Trained?'], { retries: false }) +
      3 *
        eventsOf(['PlanAnalysis', 'AnalyseShards', 'SetRates', 'Checkpoint', 'Continue?'], {
          items: 3,
          retries: false,
        });
    expect(events).toBe(counted);
  });

  withMoto('an analysis that is not due: a map over nothing', async () => {
    const config = fakeConfig({ training: { epochs: 3 }, balance: { every: 2 } });
    const { locally } = await tell({ config });
    expect(locally.inputs.AnalyseShard).toHaveLength(3);
  });

  withMoto('Spot interruptions: tried again, the third time on demand', async () => {
    const { locally } = await tell({ jobs: { 2: spotInterruption(), 3: spotInterruption() } });
    const epoch = [...train, ...commit];
    expect(locally.states).toEqual([...begin, ...epoch, ...train, ...train, ...epoch, ...epoch, ...end]);
    const queues = locally.inputs.TrainEpoch!.map((job) => (job as { JobQueue: string }).JobQueue);
    expect(queues).toEqual(['queue-spot', 'queue-spot', 'queue-spot', 'queue-onDemand', 'queue-onDemand']);
    const names = locally.inputs.TrainEpoch!.map((job) => (job as { JobName: string }).JobName);
    expect(names).toEqual([0, 1, 1, 1, 2].map((epoch, n) => `fake-epoch-${epoch}-try-${[0, 0, 1, 2, 0][n]}`));
  });

  withMoto('a queue that gave up waiting: on demand at once', async () => {
    const { locally } = await tell({ jobs: { 1: waitedInVain() } });
    const queues = locally.inputs.TrainEpoch!.map((job) => (job as { JobQueue: string }).JobQueue);
    expect(queues).toEqual(['queue-spot', ...Array(3).fill('queue-onDemand')]);
  });

  withMoto('a metered run, whose state has prices', async () => {
    const config = fakeConfig({ training: { epochs: 2 }, budget: { usd: 1 } });
    const meter = { prices: async () => prices, functionGb: 1, takeRequests: () => ({ writes: 0, reads: 0 }) };
    const machine = { kind: 'fargate', vcpus: 4, memoryGb: 16 } as const;
    const computeFor: TaskContext['computeFor'] = () => ({ queue: 'queue', definition: 'definition', machine });
    const { locally } = await tell({ config, context: { meter, computeFor } });
    expect(locally.inputs.CollectEpoch?.[0]).toMatchObject({ compute: { price: { usdPerSecond: 0.224 / 3600 } } });
  });

  withMoto('a stop for want of budget', async () => {
    const config = fakeConfig({ training: { epochs: 500 }, budget: { hours: 0.01 } });
    const { locally } = await tell({ config });
    expect(locally.states.slice(-5)).toEqual(['Continue?', ...end]);
  });

  withMoto('a job that ran into the budget', async () => {
    const config = fakeConfig({ budget: { hours: 1 } });
    const { locally } = await tell({
      config,
      jobs: { 2: failedJob({ status: 'Job attempt duration exceeded timeout' }) },
    });
    expect(locally.states.slice(-7)).toEqual([...train, ...end]);
  });

  withMoto('a run that diverges', async () => {
    const { locally } = await tell({ behaviour: { diverges: (epoch) => epoch === 1 } });
    expect(locally.status).toBe('FAILED');
    expect(locally.states.slice(-7)).toEqual([...train, 'Finalise', 'Publish?', 'Outcome?', 'Diverged']);
  });

  withMoto('a run that is measured on test data when it ends, after a machine was lost', async () => {
    const { dataset } = fakeConfig();
    const config = fakeConfig({ training: { epochs: 2 }, dataset: { ...dataset, test: { last: 2 } } });
    const { locally } = await tell({ config, jobs: { 4: spotInterruption() } });
    expect(locally.states.slice(-11)).toEqual(['Continue?', ...train, ...train, ...end]);
  });

  withMoto('a model that is published when somebody has approved of it', async () => {
    const config = fakeConfig({ training: { epochs: 1 }, publish: { to: 's3', name: 'waves' } });
    const published: string[] = [];
    const publisher: Publisher = {
      targets: ['s3'],
      publish: async (_to, { name, isApproved }) => `s3://models/${published.push(`${name} ${isApproved}`)}/`,
    };
    const { locally } = await tell({ config, context: { publisher }, answer: { approved: true, by: 'ada' } });
    expect(locally.states.slice(-6)).toEqual(['Finalise', 'Publish?', 'AskApproval', 'Publish', 'Outcome?', 'Done']);
    expect(locally.inputs.Publish).toMatchObject([{ approval: { approved: true, by: 'ada' } }]);
    expect(published).toEqual(['waves true']);
  });

  withMoto("a failure for good: the user's input", async () => {
    const onTrain = () => {
      throw new UserError('the data are too few', { remedy: 'Give more.' });
    };
    const { locally } = await tell({ behaviour: { onTrain } });
    expect(locally.status).toBe('FAILED');
    expect(locally.states.slice(-5)).toEqual(['TrainEpoch', 'CollectEpoch', ...failure]);
  });

  withMoto('a failure of a shard', async () => {
    const context = {
      openSolver: async () => {
        if (analysed) throw new UserError('no solver here');
        analysed = true;
        return fakeContext(store, fakeWorkload()).openSolver(0, undefined);
      },
    };
    let analysed = false;
    const { locally } = await tell({ context });
    expect(locally.states.slice(-4)).toEqual(['AnalyseShards', ...failure]);
  });

  withMoto('a shard that the account has no room for yet', { timeout: 30_000 }, async () => {
    let asked = 0;
    const openSolver = async () => {
      if (++asked === 2) throw Object.assign(new Error('Rate Exceeded.'), { name: 'Lambda.TooManyRequestsException' });
      return fakeContext(store, fakeWorkload()).openSolver(0, undefined);
    };
    const { locally } = await tell({ context: { openSolver }, config: fakeConfig({ training: { epochs: 1 } }) });
    expect(locally.status).toBe('SUCCEEDED');
    expect(locally.inputs.AnalyseShard).toHaveLength(3);
  });

  withMoto('a task that fails in passing', async () => {
    let failures = 0;
    const unsteady: ArtifactStore = {
      ...store,
      async put(key, bytes) {
        if (key.endsWith('best.json') && failures++ === 0) throw new TransientError('the disk did not answer');
        return store.put(key, bytes);
      },
    };
    const { locally } = await tell({ context: { store: unsteady }, config: fakeConfig({ training: { epochs: 1 } }) });
    expect(locally.inputs.Checkpoint).toHaveLength(3);
    expect(locally.states.filter((state) => state === 'Checkpoint')).toHaveLength(2);
  });

  withMoto('an execution that hands over to a successor', async () => {
    const { locally } = await tell({ context: { historyEvents: 900 } });
    expect(locally.states.at(-1)).toBe('Successor');
    expect(locally.inputs.Successor).toEqual([
      { StateMachineArn: 'the machine', Name: 'fake-after-p-0', Input: { run } },
    ]);
  });

  withMoto('an execution that another one takes over from', async () => {
    const rival = fakeContext(store, fakeWorkload(), { process: 'rival' });
    const { locally } = await tell({
      beforeJob: async (job) => job === 2 && runPipeline(run, rival),
    });
    expect(locally.states.at(-1)).toBe('Taken over');
  });

  withMoto.each(['AnalyseShard', 'Checkpoint'] as const)(
    'a run whose budget does not pay for %s of epoch 2: it ends with its last commit',
    async (task) => {
      const refused: Fault = {
        what: 'refused',
        async disturb({ work }) {
          refusals += 1;
          if (refusals <= 2) return work();
          throw new BudgetError('the budget of 1 USD is used up');
        },
      };
      let refusals = 0;
      const { locally } = await tell({ faults: { [task]: [refused] } });
      expect(locally.status).toBe('SUCCEEDED');
      expect(locally.inputs[task]).toHaveLength(3);
      expect(locally.states.slice(-4)).toEqual(['Finalise', 'Publish?', 'Outcome?', 'Done']);
      expect(locally.inputs.Finalise).toMatchObject([{ epoch: 2, error: { Error: 'BudgetError' } }]);
    },
  );

  withMoto('a run for which no machine is to be had, and which goes on in another region', async () => {
    const left: unknown[] = [];
    const handOver = async (leaving: unknown) => `the run goes on in region ${left.push(leaving)}`;
    const { locally } = await tell({ context: { handOver }, jobs: { 2: waitedInVain(), 3: waitedInVain() } });
    expect(locally.states).toEqual([...begin, ...train, ...commit, ...train, ...train, 'Taken over']);
    expect(locally.status).toBe('SUCCEEDED');
    expect(left).toMatchObject([{ run, execution: 'p-0' }]);
  });

  withMoto('a run that the account has no quota for, and which goes on in another region', async () => {
    const handOver = async () => 'the run goes on elsewhere';
    const quotaFor = async () => ({ jobs: 0, found: 'none', remedy: 'Ask for more.' });
    const { locally } = await tell({ context: { handOver, quotaFor } });
    expect(locally.states).toEqual([...begin, 'Taken over']);
    expect(locally.status).toBe('SUCCEEDED');
    expect(locally.inputs.Prepare).toMatchObject([{ run, executionName: 'the execution' }]);
  });

  const everyFunction = (what: string) => {
    const fault = faultsOfFunctions.find((each) => each.what === what)!;
    const names = ['Prepare', 'CollectEpoch', 'PlanAnalysis', 'AnalyseShard', 'SetRates', 'Checkpoint', 'Finalise'];
    return Object.fromEntries(names.map((name) => [name, [fault]]));
  };

  withMoto.each(['killed after its work', 'throttled five times', 'timed out before its work'])(
    'a run of which every function is %s',
    async (what) => {
      const { locally } = await tell({ faults: everyFunction(what), config: fakeConfig({ training: { epochs: 1 } }) });
      expect(locally.status).toBe('SUCCEEDED');
      expect(locally.inputs.AnalyseShard!.length).toBeGreaterThanOrEqual(4);
    },
  );

  withMoto.each(['killed after its work', 'throttled four times (Batch.TooManyRequestsException)'])(
    'a run with every job %s',
    async (what) => {
      const fault = faultsOfJobs.find((each) => each.what === what)!;
      const { locally } = await tell({ faults: { TrainEpoch: [fault] } });
      expect(locally.status).toBe('SUCCEEDED');
    },
  );
});
