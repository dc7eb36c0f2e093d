import { beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { encodeJson, readJson } from '../../shared/checkpoints/json.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { mostTries } from '../../shared/decisions/compute.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import {
  eventsOfCommit,
  eventsOfJob,
  eventsOfStart,
  isHistoryFull,
  mostShards,
} from '../../shared/pipeline/history.ts';
import { outcomeSchema, readTest } from '../../shared/pipeline/records.ts';
import { failedJob, spotInterruption } from '../support/batch.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { type FakeBehaviour, fakeWorkload } from '../support/fake-workload.ts';
import { type MeteredRun, runMetered } from '../support/metered-run.ts';

let store: ArtifactStore;
beforeEach(() => {
  store = memoryStore();
});

const settings = (changes: Parameters<typeof fakeConfig>[0] = {}, test: object | undefined = { last: 2 }) => {
  const config = fakeConfig(changes);
  return fakeConfig({ ...changes, dataset: { ...config.dataset, test } });
};

/** Runs the workflow; counts what is evaluated on test data, and the states that are passed through. */
async function execute(
  config = settings(),
  {
    behaviour,
    jobs = {},
    onTest,
  }: { behaviour?: FakeBehaviour; jobs?: Readonly<Record<number, Error>>; onTest?: () => Promise<void> } = {},
) {
  await requestRun(store, config);
  const workload = fakeWorkload(behaviour);
  let tested = 0;
  const evaluate: typeof workload.evaluate = async (parameters, on) => {
    if (on === 'test') {
      tested += 1;
      await onTest?.();
    }
    return workload.evaluate(parameters, on);
  };
  const ctx = fakeContext(store, { ...workload, evaluate }, { process: `p${Math.random()}` });
  const states: string[] = [];
  let job = 0;
  const emit: typeof ctx.emit = (event) => event.type === 'state' && states.push(event.state);
  const { runTrainingJob } = await import('../../shared/pipeline/training-job.ts');
  const execution = await runPipeline(run, { ...ctx, emit }, undefined, {
    retryDelay: 0,
    async runJob(environment) {
      const end = jobs[++job];
      if (end) throw end;
      await runTrainingJob({ ...ctx, emit }, environment);
    },
  });
  return { execution, tested, states };
}
const outcomeOf = () => readJson(store, runKeys.outcome(run), outcomeSchema);
const isBetterFirst: FakeBehaviour = { metric: (epoch) => 1 + epoch };

describe('a run with test data', () => {
  it('is measured once, at the end, on its best and its last epoch', async () => {
    const { execution, tested, states } = await execute(settings(), { behaviour: isBetterFirst });
    expect(execution).toEqual({ status: 'done' });
    expect(tested).toBe(2);
    expect(states.slice(-8)).toEqual([
      'Continue?',
      'TrainEpoch',
      'CollectEpoch',
      'Trained?',
      'Finalise',
      'Publish?',
      'Outcome?',
      'Done',
    ]);
    expect(await readTest(store, run)).toMatchObject({ version: 1, best: { epoch: 0 }, last: { epoch: 4 } });
    expect(await outcomeOf()).toMatchObject({ outcome: 'completed' });
  });

  it('is measured once where the best epoch is the last', async () => {
    expect(await execute()).toMatchObject({ tested: 1 });
    const { best, last } = (await readTest(store, run))!;
    expect(best).toEqual(last);
  });

  it('is not measured where it only keeps rows out', async () => {
    expect(await execute(settings({}, { last: 2, evaluate: false }))).toMatchObject({ tested: 0 });
    expect(await readTest(store, run)).toBeUndefined();
  });

  it('is measured in the same task where that makes all epochs', async () => {
    const { states, tested } = await execute(settings({ compute: { epochsPerTask: 100 } }));
    expect(tested).toBe(1);
    expect(states.filter((state) => state === 'TrainEpoch')).toHaveLength(1);
  });

  it('is measured after lost machines, with the outcome that it had', async () => {
    const { execution } = await execute(settings(), { jobs: { 6: spotInterruption(), 7: spotInterruption() } });
    expect(execution).toEqual({ status: 'done' });
    expect(await readTest(store, run)).toMatchObject({ last: { epoch: 4 } });
    expect(await outcomeOf()).toMatchObject({ outcome: 'completed' });
  });

  it('is measured after it has diverged', async () => {
    const { execution } = await execute(settings(), { behaviour: { diverges: (epoch) => epoch === 3 } });
    expect(execution).toEqual({ status: 'diverged' });
    expect(await readTest(store, run)).toMatchObject({ last: { epoch: 2 } });
  });

  it('is measured after its budget is used up', async () => {
    const config = settings({ budget: { hours: 1 } });
    const { execution } = await execute(config, {
      jobs: { 3: failedJob({ status: 'Job attempt duration exceeded timeout' }) },
    });
    expect(execution).toEqual({ status: 'done' });
    expect(await outcomeOf()).toMatchObject({ outcome: 'budget' });
    expect(await readTest(store, run)).toMatchObject({ last: { epoch: 1 } });
  });

  describe('of a deployed run with a budget', () => {
    const tested = (ran: MeteredRun) => readTest(ran.store, run);
    const ended = (ran: MeteredRun) => readJson(ran.store, runKeys.outcome(run), outcomeSchema);
    const threeEpochs = { training: { epochs: 3 }, balance: 'off', compute: { epochsPerTask: 1 } };

    it('is measured within it: an epoch is left out for that', async () => {
      const story = { epochSeconds: [600], functionSeconds: [1] };
      const budget = { hours: 0.85 };
      const without = await runMetered({ ...story, config: fakeConfig({ ...threeEpochs, budget }) });
      expect(await ended(without)).toMatchObject({ outcome: 'completed' });
      const ran = await runMetered({ ...story, config: settings({ ...threeEpochs, budget }) });
      expect(await ended(ran)).toMatchObject({ outcome: 'budget' });
      expect(await tested(ran)).toMatchObject({ last: { epoch: 2 } });
      expect(ran.lastJobEnded).toBeLessThan(3600 * budget.hours);
    });

    it('is not measured where it does not pay for that, and the run says so', async () => {
      const jobs = [
        { end: 'done', after: 0 },
        { end: 'done', after: 0 },
        { end: 'hangs', after: 0 },
      ] as const;
      const config = settings({ ...threeEpochs, budget: { hours: 1 } });
      const ran = await runMetered({ config, jobs, epochSeconds: [300] });
      expect(ran.execution).toEqual({ status: 'done' });
      expect(await tested(ran)).toBeUndefined();
      const { outcome, reason } = (await ended(ran))!;
      expect(outcome).toBe('budget');
      expect(reason).toContain('not measured on test data, for which the rest of the budget does not suffice');
      expect(ran.lastJobEnded).toBeLessThan(3600);
    });

    it('is given up when a job hangs that measures it', async () => {
      const done = { end: 'done', after: 0 } as const;
      const jobs = [done, done, done, done, { end: 'hangs', after: 0 }] as const;
      const config = settings({ ...threeEpochs, budget: { hours: 2 } });
      const ran = await runMetered({ config, jobs, epochSeconds: [300] });
      expect(await tested(ran)).toBeUndefined();
      expect(await ended(ran)).toMatchObject({
        outcome: 'completed',
        reason: expect.stringContaining('not measured on test data'),
      });
      expect(ran.lastJobEnded).toBeLessThan(7200);
    });
  });

  it('is measured again after more epochs, and not where there are none', async () => {
    await execute();
    expect(await execute()).toMatchObject({ tested: 0 });
    await execute(settings({ training: { epochs: 5 } }));
    expect(await readTest(store, run)).toMatchObject({ last: { epoch: 5 } });
  });

  it('keeps what another execution has written of the same epochs', async () => {
    const plain = store;
    const other = { version: 1, best: null, last: { epoch: 4, metrics: { nRMSE: 42 } } } as const;
    let races = 0;
    store = {
      ...plain,
      async putIfAbsent(key, bytes) {
        if (key === runKeys.test(run) && races++ === 0) await plain.put(key, encodeJson(other));
        return plain.putIfAbsent(key, bytes);
      },
    };
    const { execution, tested } = await execute();
    expect(execution).toEqual({ status: 'done' });
    expect({ races, tested }).toEqual({ races: 1, tested: 1 });
    expect(await readTest(store, run)).toEqual(other);
    expect(await outcomeOf()).toMatchObject({ outcome: 'completed' });
  });

  it('leaves it to an execution that has trained on while it was measured', async () => {
    let others = 0;
    const onTest = async () => {
      if (others++ === 0) await execute(settings({ training: { epochs: 5 } }));
    };
    const { execution } = await execute(settings(), { onTest });
    expect(others).toBe(1);
    expect(execution).toEqual({ status: 'takenOver' });
    expect(await readTest(store, run)).toMatchObject({ best: { epoch: 5 }, last: { epoch: 5 } });
    expect(await outcomeOf()).toMatchObject({ outcome: 'completed' });
  });

  it('never has 25,000 events', () => {
    let events = eventsOfStart();
    while (!isHistoryFull(events, 25_000, { tests: true }))
      events += mostTries * eventsOfJob() + eventsOfCommit(mostShards);
    expect(events + mostTries * eventsOfJob()).toBeLessThan(25_000);
  });
});
