import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { readJson } from '../../shared/checkpoints/json.ts';
import { readHead, readHeadManifest, readManifest } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import type { RunConfig } from '../../shared/config/run-file.ts';
import { randomFor } from '../../shared/core/random.ts';
import { type Execution, runPipeline } from '../../shared/local/run-pipeline.ts';
import type { ProgressEvent, TaskContext } from '../../shared/pipeline/context.ts';
import { eventsOfCommit, eventsOfJob, eventsOfStart, isHistoryFull } from '../../shared/pipeline/history.ts';
import { outcomeSchema, readProgress, readRunRecord } from '../../shared/pipeline/records.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';

let store: ArtifactStore;
beforeEach(() => {
  store = memoryStore();
});

const outcomeOf = () => readJson(store, runKeys.outcome(run), outcomeSchema);
const exported = async () => (await store.get(runKeys.model(run, 'model.safetensors')))!.bytes;
const statesOf = (events: readonly ProgressEvent[]) =>
  events.flatMap((event) => (event.type === 'state' ? [event.state] : []));

async function execute(process: string, changes: Partial<TaskContext> = {}) {
  const events: ProgressEvent[] = [];
  const ctx = { ...fakeContext(store, fakeWorkload(), { process, events }), ...changes };
  const execution = await runPipeline(run, ctx, undefined, { retryDelay: 0 });
  return { execution, events, states: statesOf(events) };
}

/** The model that a run of these settings exports when nothing disturbs it. */
async function undisturbed(config: RunConfig) {
  store = memoryStore();
  await requestRun(store, config);
  expect((await execute('alone')).execution).toEqual({ status: 'done' });
  const model = await exported();
  store = memoryStore();
  await requestRun(store, config);
  return model;
}

describe('an execution whose history fills up', () => {
  it('hands the run over, and the next one goes on with it as one run', async () => {
    const config = fakeConfig({ training: { epochs: 12 } });
    const expected = await undisturbed(config);
    const { execution, states } = await execute('p', { historyEvents: 900 });
    expect(execution).toEqual({ status: 'done' });
    expect(states.filter((state) => state === 'Successor').length).toBeGreaterThan(2);
    expect(states.filter((state) => state === 'TrainEpoch')).toHaveLength(13);
    expect(states.filter((state) => state === 'Finalise')).toHaveLength(1);
    for (const [index, state] of states.entries()) if (state === 'Successor') expect(states[index + 1]).toBe('Prepare');
    expect(await outcomeOf()).toMatchObject({ outcome: 'completed', reason: 'all 12 epochs are trained' });
    expect(await exported()).toEqual(expected);
  });

  it('counts patience and budget on', async () => {
    const config = fakeConfig({ training: { epochs: 500 }, budget: { hours: 0.02 } });
    await requestRun(store, config);
    const { states } = await execute('p', { historyEvents: 900 });
    expect(states).toContain('Successor');
    expect(await outcomeOf()).toMatchObject({ outcome: 'budget' });
    const progress = (await readProgress(store, await readHeadManifest(store, run)))!;
    expect(progress.seconds).toBeLessThanOrEqual(72);
    expect(progress.seconds + progress.slowestEpochSeconds).toBeGreaterThan(72);
  });

  it.each([1, 4, 16])(
    'never has 25,000 events, with %i shards and every task tried as often as it may be',
    (shards) => {
      let events = eventsOfStart();
      let loops = 0;
      while (!isHistoryFull(events, 25_000)) {
        events += eventsOfJob() + eventsOfCommit(shards);
        loops += 1;
      }
      expect(events).toBeLessThan(25_000);
      expect(loops).toBeGreaterThan(20);
    },
  );
});

/** A store that gives another process its turn before some of its operations. */
function interruptedBefore(
  when: (operation: string, key: string) => boolean,
  turn: () => Promise<unknown>,
): ArtifactStore {
  const before =
    <Rest extends unknown[], Result>(name: string, operation: (key: string, ...rest: Rest) => Promise<Result>) =>
    async (key: string, ...rest: Rest): Promise<Result> => {
      if (when(name, key)) await turn();
      return operation(key, ...rest);
    };
  return {
    ...store,
    get: before('get', store.get),
    open: before('open', store.open),
    put: before('put', store.put),
    putIfAbsent: before('putIfAbsent', store.putIfAbsent),
    putIfMatch: before('putIfMatch', store.putIfMatch),
  };
}

describe('two executions on one run', () => {
  const config = fakeConfig({ training: { epochs: 6 }, output: { keep: 1 } });

  it.each([
    ['before the first files of an attempt', (name: string, key: string) => name === 'put' && key.includes('/0002/')],
    ['before the analysis', (name: string, key: string) => name === 'open' && key.includes('/0002/')],
    ['before the manifest', (name: string, key: string) => name === 'putIfAbsent' && key.includes('/0002/')],
    ['before the head is moved', (name: string, key: string) => name === 'putIfMatch' && key.endsWith('head.json')],
  ] as const)('leave one that goes on, when the other came %s', async (_, when) => {
    const expected = await undisturbed(config);
    let rival: Promise<{ execution: Execution }> | undefined;
    const watched = interruptedBefore(
      (name, key) => rival === undefined && when(name, key),
      async () => {
        rival = execute('rival');
        await rival;
      },
    );
    const late = await execute('late', { store: watched });
    const ended = [late.execution.status, (await rival!).execution.status].sort();
    expect(ended).toEqual(['done', 'takenOver']);
    expect(await outcomeOf()).toMatchObject({ outcome: 'completed' });
    expect(await exported()).toEqual(expected);
  });

  it('leave one that goes on, however their steps fall', async () => {
    const expected = await undisturbed(config);
    let takenOver = 0;
    for (let seed = 0; seed < 20; seed++) {
      store = memoryStore();
      await requestRun(store, config);
      const random = randomFor(seed, 'turns');
      const pausing = interruptedBefore(
        () => true,
        async () => {
          for (let turns = random.integer(6); turns > 0; turns--) await setImmediate();
        },
      );
      const ended = await Promise.all(['a', 'b'].map((process) => execute(process, { store: pausing })));
      const statuses = ended.map(({ execution }) => execution.status).sort();
      expect(statuses[0], `seed ${seed}`).toBe('done');
      expect(['done', 'takenOver'], `seed ${seed}`).toContain(statuses[1]);
      if (statuses[1] === 'takenOver') takenOver += 1;
      expect(await outcomeOf()).toMatchObject({ outcome: 'completed' });
      expect(await exported()).toEqual(expected);
      expect((await readHead(store, run))!.epoch).toBe(6);
    }
    expect(takenOver).toBeGreaterThan(10);
  });

  it('leave no failure on record of the one whose files the other pruned', async () => {
    await requestRun(store, config);
    let rival: Promise<unknown> | undefined;
    const watched = interruptedBefore(
      (name, key) => rival === undefined && name === 'open' && key.includes('/0002/'),
      async () => {
        rival = execute('rival');
        await rival;
      },
    );
    const { execution, states } = await execute('late', { store: watched });
    expect(execution).toEqual({ status: 'takenOver' });
    expect(states.slice(-3)).toEqual(['RecordFailure', 'Failed?', 'Taken over']);
    expect(await outcomeOf()).toMatchObject({ outcome: 'completed' });
  });

  it('leave the outcome alone, when the other is refused by Prepare before the run has one', async () => {
    await requestRun(store, config);
    let refused: ReturnType<typeof execute> | undefined;
    let noted: unknown;
    const watched = interruptedBefore(
      (name, key) => refused === undefined && name === 'open' && key.includes('/0002/'),
      async () => {
        await requestRun(store, fakeConfig({ training: { epochs: 6, seed: 7 } }));
        refused = execute('refused');
        await refused;
        noted = await outcomeOf();
      },
    );
    const { execution } = await execute('healthy', { store: watched });
    const { execution: failed, events } = await refused!;
    expect(failed).toMatchObject({ status: 'failed', error: { name: 'UserError' } });
    expect(events.filter(({ type }) => type === 'finished')).toEqual([]);
    expect(events).toContainEqual({ type: 'refused', run, reason: expect.stringContaining('training.seed') });
    expect(noted).toBeUndefined();
    expect(execution).toEqual({ status: 'done' });
    expect(await outcomeOf()).toMatchObject({ outcome: 'completed' });
  });

  it.each([
    ['begin it', 'putIfAbsent', ['started', 'resumed after epoch 6']],
    ['go on with it', 'putIfMatch', ['started', 'resumed after epoch 6', 'resumed after epoch 6']],
  ] as const)('lose nothing of what the other has put on record, when both %s', async (_, write, noted) => {
    await requestRun(store, config);
    if (write === 'putIfMatch') await execute('before');
    let rival: Promise<unknown> | undefined;
    const watched = interruptedBefore(
      (name, key) => rival === undefined && name.startsWith('put') && key.endsWith('run.json'),
      async () => {
        rival = execute('rival');
        await rival;
      },
    );
    expect((await execute('late', { store: watched })).execution).toEqual({ status: 'done' });
    expect((await readRunRecord(store, run)).history.map(({ what }) => what)).toEqual(noted);
  });

  it('do not mistake the manifests of earlier executions for those of others', async () => {
    await requestRun(store, fakeConfig({ training: { epochs: 2 } }));
    expect((await execute('first')).execution).toEqual({ status: 'done' });
    await requestRun(store, fakeConfig({ training: { epochs: 3 } }));
    expect((await execute('second')).execution).toEqual({ status: 'done' });
    expect((await readManifest(store, run, 3))!.attempt).toMatch(/^second/);
  });
});
