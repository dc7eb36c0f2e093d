import { describe, expect, it } from 'vitest';
import { readHead, readHeadManifest } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import type { TaskContext } from '../../shared/pipeline/context.ts';
import { nameAfterHandover } from '../../shared/pipeline/execution-name.ts';
import { countedFrom } from '../../shared/pipeline/hand-over.ts';
import type { ComputeState } from '../../shared/pipeline/messages.ts';
import { moveRun } from '../../shared/pipeline/move-run.ts';
import { readProgress } from '../../shared/pipeline/records.ts';
import { runTrainingJob } from '../../shared/pipeline/training-job.ts';
import { waitedInVain } from '../support/batch.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';
import { fixturePath } from '../support/fixtures.ts';

const hour = 3600;

/** A run whose jobs wait for so many hours each, in vain from a job on, and then train for an hour. */
async function waiting({ waits, vainFrom }: { waits: readonly number[]; vainFrom: number }, epochs = 3) {
  const here = memoryStore();
  const there = memoryStore();
  await requestRun(here, fakeConfig({ training: { epochs }, budget: { hours: 24 } }));
  let clock = Date.UTC(2026, 10, 30);
  const now = () => new Date(clock);
  const outside: Partial<TaskContext> = {
    now,
    computeFor: ({ target, market }) => ({ queue: market, definition: target, waitSeconds: 12 * hour }),
  };
  const addresses = { dataset: fixturePath('data', 'pde_1d.json'), folder: 'runs' };
  const handOver: TaskContext['handOver'] = async ({ seconds }) => {
    const handedOver = { from: 's3://here/runs/fake', at: now().toISOString(), seconds };
    await moveRun({ store: here, run }, { store: there, run }, addresses, now(), { handedOver });
    return 'there';
  };
  let job = 0;
  const begun: ComputeState[] = [];
  const execute = (ctx: TaskContext) =>
    runPipeline(run, ctx, undefined, {
      retryDelay: 0,
      async runJob(environment) {
        begun.push(JSON.parse(environment.TEMPBALANCE_STATE!).compute);
        clock += 1000 * hour * (waits[job] ?? 0);
        job += 1;
        if (job >= vainFrom && ctx.store === here) throw waitedInVain();
        clock += 1000 * hour;
        await runTrainingJob(ctx, environment);
      },
    });
  expect(await execute({ ...fakeContext(here, fakeWorkload(), { process: 'a' }), ...outside, handOver })).toEqual({
    status: 'takenOver',
  });
  const left = await readHead(here, run);
  const execution = await execute({ ...fakeContext(there, fakeWorkload(), { process: 'b' }), ...outside });
  const hoursAt = async () => (await readProgress(there, await readHeadManifest(there, run)))!.seconds / hour;
  return { execution, left, hours: await hoursAt(), begun };
}

describe('the hours of a run that another region takes over', () => {
  it('have in them what it waited before, once', async () => {
    const { execution, left, hours, begun } = await waiting({ waits: [0, 2, 3], vainFrom: 2 });
    expect(execution).toEqual({ status: 'done' });
    expect(left).toMatchObject({ epoch: 0 });
    // Four jobs of an hour, and five hours of waiting for two more.
    expect(hours).toBe(9);
    const ends = begun.map(({ endsAt }) => (Date.parse(endsAt!) - Date.UTC(2026, 10, 30)) / 1000 / hour);
    for (const end of ends) expect(end).toBeCloseTo(24, 1);
  });

  it('have in them what it waited before its first commit, too', async () => {
    const { hours } = await waiting({ waits: [2, 3], vainFrom: 1 }, 1);
    expect(hours).toBe(7);
  });

  it('end it there when they are used up', async () => {
    const { execution, hours } = await waiting({ waits: [0, 8, 9, 4], vainFrom: 2 });
    expect(execution).toEqual({ status: 'done' });
    expect(hours).toBe(23);
  });
});

it('counts a wait no more when a commit has counted it, or where there was none', () => {
  const now = new Date('2026-11-30T12:00:00.000Z');
  const handover = { from: 's3://there/runs/fake', at: '2026-11-30T10:00:00.000Z', seconds: 1800 };
  const before = new Date('2026-11-30T11:30:00.000Z');
  expect(countedFrom(now, handover, undefined)).toEqual(before);
  expect(countedFrom(now, handover, '2026-11-30T09:00:00.000Z')).toEqual(before);
  expect(countedFrom(now, handover, '2026-11-30T11:00:00.000Z')).toEqual(now);
  expect(countedFrom(now, undefined, undefined)).toEqual(now);
});

it('names the execution that goes on after the run and the execution before, within what Step Functions takes', () => {
  const name = nameAfterHandover('a'.repeat(90), 'before');
  expect(name).toMatch(/^a+-[0-9a-f]{12}-from-[0-9a-f]{12}$/);
  expect(name).toHaveLength(80);
  expect(nameAfterHandover('waves', 'before')).toBe(nameAfterHandover('waves', 'before'));
  expect(nameAfterHandover('waves', 'before')).not.toBe(nameAfterHandover('waves', 'another'));
});
