/**
 * The workflow of comparisons in two independent interpreters. A comparison is done locally; moto then reads the same document, its
 * distributed map included, and gets from each task what that task gave locally. Both must enter the same states in the same order and
 * give every task the same input. What moto can't tell: it starts no execution of a run, so how each ended is scripted in both.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../../shared/checkpoints/artifact-store.ts';
import { memoryStore } from '../../../shared/checkpoints/memory-store.ts';
import { UserError } from '../../../shared/core/errors.ts';
import { readResults } from '../../../shared/pipeline/comparison/records.ts';
import { beginFake, comparison, doFake, type FakeComparison, fakeSettings } from '../../support/fake-comparison.ts';
import {
  compareDocument,
  type Moto,
  motoMissing,
  type RanTask,
  startMoto,
  type Told,
  toldLocally,
} from '../../support/replay.ts';

const missing = motoMissing();
if (missing && !process.env.CI) console.warn(`not replayed in moto: ${missing}`);
const withMoto = it.skipIf(missing !== undefined && !process.env.CI);

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

const statusOf = { done: 'SUCCEEDED', failed: 'FAILED', interrupted: '' };

/** Does an execution in both interpreters. */
async function tell(story: FakeComparison = {}): Promise<Told & { trained: readonly string[] }> {
  const { number = 1 } = story;
  const tasks: RanTask[] = [];
  const states: string[] = [];
  const { execution, trained } = await doFake(store, {
    ...story,
    onTask: (task) => tasks.push(task),
    onState: (state) => states.push(state),
  });
  const own = states.filter((state) => !compareDocument.ofItems.includes(state));
  const locally = toldLocally(statusOf[execution.status], own, tasks, compareDocument);
  const { events: _, ...inMoto } = await moto.replay({ comparison, number }, tasks, compareDocument);
  expect(inMoto).toEqual(locally);
  return { ...locally, trained };
}

const round = ['PlanRound', 'Runs to do?', 'Runs'];
const end = ['PlanRound', 'Runs to do?', 'JudgeRuns', 'Done'];
const small = { rates: [0.001, 0.003, 0.01], seeds: { tuning: [101], test: [1, 2] } };
const lost = { status: 'failed', error: { name: 'States.TaskFailed', message: 'the machine is gone' } } as const;

describe('the local interpreter and moto agree on', () => {
  withMoto('a comparison that goes well, whose values are extended', { timeout: 60_000 }, async () => {
    await beginFake(store, await fakeSettings({ ...small, rates: [0.0003, 0.001], extensions: 2 }));
    const { states, inputs, status } = await tell();
    expect(status).toBe('SUCCEEDED');
    expect(states).toEqual([...round, ...round, ...round, ...round, ...end]);
    expect(inputs.TrainRun).toHaveLength(12);
    expect(inputs.TrainRun![0]).toMatchObject({
      StateMachineArn: 'the machine',
      Name: expect.stringMatching(/^fake-/),
      Input: { run: expect.stringMatching(/^fake\/runs\//) },
    });
  });

  withMoto('runs whose executions fail, in a round that goes on', { timeout: 60_000 }, async () => {
    await beginFake(store, await fakeSettings(small));
    const { states, inputs } = await tell({ onRun: (run) => (run.endsWith('-2') ? lost : undefined) });
    expect(states).toEqual([...round, ...round, ...end]);
    expect(inputs.SettleRun!.filter((input) => (input as { error?: object }).error)).toHaveLength(2);
    const failed = (await readResults(store, comparison)).filter(({ status }) => status === 'failed');
    expect(failed.map(({ reason }) => reason)).toEqual(['the machine is gone', 'the machine is gone']);
  });

  withMoto('runs that the budget does not pay for', { timeout: 60_000 }, async () => {
    const budget = { hours: 1e-9 };
    await beginFake(store, await fakeSettings({ ...small, budget }));
    const { inputs, trained } = await tell();
    const skipped = (await readResults(store, comparison)).filter(({ status }) => status === 'skipped');
    expect(skipped.length).toBeGreaterThan(0);
    expect(inputs.AdmitRun!.length).toBeGreaterThan(trained.length);
    expect(inputs.TrainRun ?? []).toHaveLength(trained.length);
  });

  withMoto('a second execution, which does what is missing', { timeout: 60_000 }, async () => {
    await beginFake(store, await fakeSettings(small));
    await tell({ onRun: (run) => (run === 'test-plain-0.003-2' ? lost : undefined) });
    await beginFake(store, await fakeSettings(small), 2);
    const { states, trained, inputs } = await tell({ number: 2 });
    expect(trained).toEqual(['test-plain-0.003-2']);
    expect(states).toEqual([...round, ...end]);
    expect(inputs.TrainRun).toMatchObject([{ Name: 'fake-test-plain-0.003-2-2' }]);
    expect(inputs.PlanRound![0]).toEqual({ comparison, number: 2 });
  });

  withMoto('a comparison that fails: its request can not be read', { timeout: 60_000 }, async () => {
    await beginFake(store, await fakeSettings(small));
    const broken: ArtifactStore = {
      ...store,
      list: async () => {
        throw new UserError('the folder is not there');
      },
    };
    const { states, status } = await tell({ context: { store: broken } });
    expect(status).toBe('FAILED');
    expect(states).toEqual(['PlanRound', 'RecordComparisonFailure', 'Failed']);
  });
});
