import { describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { bufferedStore } from '../../shared/checkpoints/buffered-store.ts';
import { readHead } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import type { RunConfig } from '../../shared/config/run-file.ts';
import { randomFor } from '../../shared/core/random.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';
import { parsedJson, resultOf as wholeResult } from '../support/run-result.ts';

/** A run's settings, and how many steps its epochs have. */
interface Case {
  readonly config: RunConfig;
  readonly stepsPerEpoch: number;
  /** Whether an average of the weights is kept. */
  readonly averages: boolean;
}
const usual: Case = { config: fakeConfig({ training: { epochs: 3 } }), stepsPerEpoch: 1, averages: false };
/** Rates that are set within epochs, move over several, and stay from some step on; and an average of the weights. */
const moving: Case = {
  config: fakeConfig({
    training: { epochs: 4 },
    balance: { every: { steps: 3 }, until: { share: 0.75 }, rampSteps: 4, unmeasured: 'largestFactor' },
  }),
  stepsPerEpoch: 4,
  averages: true,
};

type Moment = 'before' | 'after';
const writes = new Set(['put', 'putIfAbsent', 'putIfMatch', 'delete']);

/** A store of a process that dies at its `fatal`-th operation, before or after it takes effect: none succeeds from then on. */
function dyingStore(store: ArtifactStore, fatal: number, moment: Moment) {
  const performed: string[] = [];
  const died = () => new Error('the process died');
  const wrap =
    <Arguments extends unknown[], Result>(name: string, operation: (...given: Arguments) => Promise<Result>) =>
    async (...given: Arguments): Promise<Result> => {
      performed.push(name);
      if (performed.length > fatal || (performed.length === fatal && moment === 'before')) throw died();
      const result = await operation(...given);
      if (performed.length === fatal) throw died();
      return result;
    };
  const dying: ArtifactStore = {
    label: store.label,
    get: wrap('get', store.get),
    open: wrap('open', store.open),
    put: wrap('put', store.put),
    putIfAbsent: wrap('putIfAbsent', store.putIfAbsent),
    putIfMatch: wrap('putIfMatch', store.putIfMatch),
    list: wrap('list', store.list),
    delete: wrap('delete', store.delete),
  };
  return { dying, performed };
}

const execute = (store: ArtifactStore, process: string, { stepsPerEpoch, averages }: Case) =>
  runPipeline(run, fakeContext(store, fakeWorkload({ stepsPerEpoch, averages }), { process }));

/** Everything that must not depend on interruptions. */
const resultOf = (store: ArtifactStore, { config: { training } }: Case) => wholeResult(store, run, training.epochs);

async function requestedStore({ config }: Case): Promise<ArtifactStore> {
  const store = memoryStore();
  await requestRun(store, config);
  return store;
}

async function uninterrupted(given: Case) {
  const store = await requestedStore(given);
  const { dying, performed } = dyingStore(store, Number.POSITIVE_INFINITY, 'before');
  expect(await execute(dying, 'whole', given)).toEqual({ status: 'done' });
  return { expected: await resultOf(store, given), operations: performed };
}

/** The committed epoch; -1 for none. */
const committedEpoch = async (store: ArtifactStore) => (await readHead(store, run))?.epoch ?? -1;

describe('a run whose process dies', () => {
  it('at any operation of its store ends, when resumed, as if it had not been interrupted', {
    timeout: 300_000,
  }, async () => {
    const { expected, operations } = await uninterrupted(usual);
    expect(expected.head).toBe(3);
    expect(expected.outcome).toEqual({ outcome: 'completed', reason: 'all 3 epochs are trained' });
    expect(operations.length).toBeGreaterThan(100);

    for (const [index, operation] of operations.entries()) {
      const moments: Moment[] = writes.has(operation) ? ['before', 'after'] : ['before'];
      for (const moment of moments) {
        const where = `${moment} operation ${index + 1} (${operation})`;
        const store = await requestedStore(usual);
        const { dying } = dyingStore(store, index + 1, moment);
        expect(await execute(dying, 'first', usual), where).toMatchObject({ status: 'failed' });
        const committed = await committedEpoch(store);

        let lowest = Number.POSITIVE_INFINITY;
        const watched: ArtifactStore = {
          ...store,
          async putIfMatch(key, bytes, etag) {
            if (key === runKeys.head(run)) lowest = Math.min(lowest, parsedJson(bytes).epoch);
            return store.putIfMatch(key, bytes, etag);
          },
        };
        expect(await execute(watched, 'second', usual), where).toEqual({ status: 'done' });
        expect(lowest, where).toBeGreaterThan(committed);
        expect(await resultOf(store, usual), where).toEqual(expected);
      }
    }
  });

  it.each([
    ['', usual],
    [', with rates that are set within epochs and move, and an average of its weights', moving],
  ])('again and again, at random operations%s, loses no committed epoch and ends the same', async (_, given) => {
    const { expected } = await uninterrupted(given);
    expect(expected.perEpoch.at(-1)!.average !== undefined).toBe(given.averages);
    const random = randomFor(2026, 'crashes');
    for (let story = 0; story < 25; story++) {
      const store = await requestedStore(given);
      let committed = -1;
      for (let process = 0; ; process++) {
        const moment = random.integer(2) === 0 ? 'before' : 'after';
        const { dying } = dyingStore(store, 1 + random.integer(120), moment);
        const execution = await execute(dying, `process${process}`, given);
        const now = await committedEpoch(store);
        expect(now).toBeGreaterThanOrEqual(committed);
        committed = now;
        if (execution.status === 'done') break;
      }
      expect(await resultOf(store, given)).toEqual(expected);
    }
  });
});

describe('a run whose writes wait in memory, and whose process dies', () => {
  /** Does the run over a store beneath, of which one operation may be the last, and writes all that waits. */
  async function buffered(beneath: ArtifactStore, process: string, given: Case, mostBytes?: number) {
    const store = bufferedStore(beneath, run, mostBytes === undefined ? {} : { mostBytes });
    const execution = await execute(store, process, given);
    await store.flush();
    return execution;
  }

  it.each([
    ['at the end alone', undefined],
    ['in the midst of epochs', 2000],
  ])(
    'at any operation of the disk, written to %s, ends when resumed as if it had not been interrupted',
    { timeout: 300_000 },
    async (_, most) => {
      const { expected, operations: direct } = await uninterrupted(usual);
      const whole = await requestedStore(usual);
      const { dying: counted, performed } = dyingStore(whole, Number.POSITIVE_INFINITY, 'before');
      expect(await buffered(counted, 'whole', usual, most)).toEqual({ status: 'done' });
      expect(await resultOf(whole, usual)).toEqual(expected);
      expect(performed.length).toBeLessThan(direct.length);
      expect(performed.length).toBeGreaterThan(40);

      for (const [index, operation] of performed.entries()) {
        const moments: Moment[] = writes.has(operation) ? ['before', 'after'] : ['before'];
        for (const moment of moments) {
          const where = `${moment} operation ${index + 1} (${operation})`;
          const store = await requestedStore(usual);
          const { dying } = dyingStore(store, index + 1, moment);
          // It dies in the run, or in what is written at the end.
          await buffered(dying, 'first', usual, most).catch(() => undefined);
          const committed = await committedEpoch(store);
          expect(await buffered(store, 'second', usual, most), where).toEqual({ status: 'done' });
          expect(await committedEpoch(store), where).toBeGreaterThanOrEqual(committed);
          expect(await resultOf(store, usual), where).toEqual(expected);
        }
      }
    },
  );

  it('again and again, at random operations, ends the same', async () => {
    const { expected } = await uninterrupted(moving);
    const random = randomFor(2027, 'crashes');
    for (let story = 0; story < 25; story++) {
      const store = await requestedStore(moving);
      let committed = -1;
      for (let process = 0; ; process++) {
        const moment = random.integer(2) === 0 ? 'before' : 'after';
        const { dying } = dyingStore(store, 1 + random.integer(250), moment);
        const most = random.integer(2) === 0 ? undefined : 5000;
        const execution = await buffered(dying, `process${process}`, moving, most).catch(() => undefined);
        const now = await committedEpoch(store);
        expect(now).toBeGreaterThanOrEqual(committed);
        committed = now;
        if (execution?.status === 'done') break;
        expect(process).toBeLessThan(200);
      }
      expect(await resultOf(store, moving)).toEqual(expected);
    }
  });
});
