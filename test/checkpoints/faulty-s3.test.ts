/** Whole runs in a bucket that is reached through faults of every kind, by processes that die: nothing is lost, to the bit. */
import { describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { readHead } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { s3Store } from '../../shared/checkpoints/s3-store.ts';
import { randomFor } from '../../shared/core/random.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import { dyingAfter } from '../support/disturbed-run.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';
import { chaos, type FaultScript } from '../support/fault-proxy.ts';
import { resultOf } from '../support/run-result.ts';
import { startTestS3 } from '../support/s3.ts';

/** At least so many operations of stores, and deaths of processes; `.ci/prove` has 10,000 and 100. */
const operations = Number(process.env.TEMPBALANCE_PROOF_OPERATIONS ?? 600);
const kills = Math.ceil(operations / 100);
/** Of all requests. */
const faultShare = 0.15;
const staleShare = 0.3;
const epochs = 3;
const config = fakeConfig({ training: { epochs }, output: { keep: 1 } });
/** A run takes some 130 operations. */
const longestLife = 120;

const s3 = await startTestS3();

const execute = (store: ArtifactStore, process: string) =>
  runPipeline(run, fakeContext(store, fakeWorkload(), { process }), undefined, { retryDelay: 0 });

/** Lists may be left with files of attempts that no manifest names. */
async function whatMatters(store: ArtifactStore) {
  const { keys: _, ...result } = await resultOf(store, run, epochs);
  return result;
}

/** The store with its operations counted. */
function counted(store: ArtifactStore) {
  const count = { done: 0 };
  const once =
    <Given extends unknown[], Result>(operation: (...given: Given) => Promise<Result>) =>
    (...given: Given): Promise<Result> => {
      count.done += 1;
      return operation(...given);
    };
  const watched: ArtifactStore = {
    label: store.label,
    get: once(store.get),
    open: once(store.open),
    put: once(store.put),
    putIfAbsent: once(store.putIfAbsent),
    putIfMatch: once(store.putIfMatch),
    list: once(store.list),
    delete: once(store.delete),
  };
  return { watched, count };
}

describe.skipIf(!s3)('whole runs in a bucket, through faults, by processes that die', () => {
  it(`lose no commit and end with the bits of an undisturbed run: ${operations} operations, ${kills} deaths`, {
    timeout: 3_600_000,
  }, async () => {
    const { proxy, options } = s3!;
    const undisturbed = memoryStore();
    await requestRun(undisturbed, config);
    expect(await execute(undisturbed, 'alone')).toEqual({ status: 'done' });
    const expected = await whatMatters(undisturbed);

    const random = randomFor(2026, 'faulty bucket');
    const faults: Record<string, number> = {};
    const some = chaos(random, faultShare);
    const script: FaultScript = (seen) => {
      const isStale = seen.operation === 'ListObjectsV2' && random.uniform() < staleShare;
      const fault = isStale ? ({ kind: 'stale' } as const) : some(seen);
      const name = fault?.kind === 'refuse' ? fault.code : fault?.kind;
      if (name) faults[name] = (faults[name] ?? 0) + 1;
      return fault;
    };
    let [done, killed, runs] = [0, 0, 0];
    for (; done < operations || killed < kills; runs++) {
      const bucket = s3Store(await options());
      await requestRun(bucket, config);
      const { watched, count } = counted(bucket);
      let committed = -1;
      for (let process = 0; ; process++) {
        proxy.play(script);
        const { status } = await execute(dyingAfter(watched, 1 + random.integer(longestLife)), `p${process}`);
        proxy.play(() => undefined);
        const now = (await readHead(bucket, run))?.epoch ?? -1;
        expect(now).toBeGreaterThanOrEqual(committed);
        committed = now;
        if (status === 'done') break;
        killed += 1;
      }
      expect(await whatMatters(bucket)).toEqual(expected);
      done += count.done;
    }
    for (const kind of ['SlowDown', 'InternalError', 'lostRequest', 'lostReply', 'cutOff', 'stale'])
      expect(faults[kind]).toBeGreaterThan(0);
    if (process.env.TEMPBALANCE_PROOF_OPERATIONS)
      console.log(JSON.stringify({ runs, operations: done, killed, faults }));
  });
});
