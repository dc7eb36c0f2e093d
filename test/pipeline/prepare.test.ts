import { describe, expect, it } from 'vitest';
import { readJson } from '../../shared/checkpoints/json.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { computeSchema } from '../../shared/decisions/compute.ts';
import type { ProgressEvent, TaskContext } from '../../shared/pipeline/context.ts';
import { outcomeSchema } from '../../shared/pipeline/records.ts';
import { prepare } from '../../shared/pipeline/tasks/prepare.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';
import { prices } from '../support/metered-run.ts';

const place = { queue: 'queue', definition: 'definition' };
const meter = (functionGb: number) => ({
  prices: async () => prices,
  functionGb,
  takeRequests: () => ({ writes: 0, reads: 0 }),
});

/** What is outside of a run, and what a step of it keeps for the gradient. */
type Refused = Partial<TaskContext> & { readonly heldActivations?: number };

it.each([
  [
    { computeFor: () => ({ ...place, machine: { kind: 'fargate', vcpus: 4, memoryGb: 0.1 } }) },
    'and a job on compute.target cpu has 0.1\n  Either set cpuMemoryGb: 16',
  ],
  [
    { computeFor: () => ({ ...place, machine: { kind: 'fargate', vcpus: 4, memoryGb: 16 } }), meter: meter(0.1) },
    'takes about 0.28 GiB of memory, and has 0.1',
  ],
  [
    { computeFor: () => ({ ...place, machine: { kind: 'fargate', vcpus: 4, memoryGb: 16 } }), heldActivations: 5e9 },
    /takes about 24 GiB[\s\S]*training\.accumulate/,
  ],
] satisfies [Refused, string | RegExp][])(
  'refuses a model that does not fit before it reads weights or begins the run: %#',
  async ({ heldActivations = 0, ...outside }: Refused, message) => {
    const store = memoryStore();
    await requestRun(store, fakeConfig());
    const before = await store.list('');
    const workload = {
      ...fakeWorkload(),
      heldActivations,
      initial: () => Promise.reject(new Error('weights were read')),
    };
    await expect(prepare({ ...fakeContext(store, workload), ...outside }, { run })).rejects.toThrow(message);
    expect(await store.list('')).toEqual(before);
  },
);

describe('the account may have no machine with a GPU', () => {
  const quotaFor =
    (jobs: { spot: number; onDemand: number }): TaskContext['quotaFor'] =>
    async ({ target, market }) =>
      target === 'gpu'
        ? { jobs: jobs[market], found: `${market}: ${jobs[market]}`, remedy: 'Ask for more.' }
        : undefined;
  const prepared = async (
    jobs: { spot: number; onDemand: number },
    compute = 'gpu',
    outside: Partial<TaskContext> = {},
    events: ProgressEvent[] = [],
  ) => {
    const store = memoryStore();
    const config = fakeConfig();
    await requestRun(store, { ...config, compute: computeSchema.parse(compute) });
    const ctx = { ...fakeContext(store, fakeWorkload(), { events }), quotaFor: quotaFor(jobs), ...outside };
    return { events, store, state: await prepare(ctx, { run, executionName: 'the execution' }) };
  };

  it('and a run that needs one is refused, with how to ask for more', async () => {
    await expect(prepared({ spot: 0, onDemand: 0 })).rejects.toThrow(
      'compute.target: a job would wait in vain: spot: 0; onDemand: 0\n  Ask for more. Or train without a GPU: --set compute.target=cpu.',
    );
    expect((await prepared({ spot: 0, onDemand: 0 }, 'cpu')).state.compute.target).toBe('cpu');
  });

  it('and a run that needs one goes on in another region where there is one, which is told', async () => {
    const left: unknown[] = [];
    const handOver = async (leaving: unknown) => `the run goes on in ${left.push(leaving)}`;
    const { events, state, store } = await prepared({ spot: 0, onDemand: 0 }, 'gpu', { handOver });
    const reason = 'a job would wait in vain: spot: 0; onDemand: 0: the run goes on in 1';
    expect(state.decision).toEqual({ next: 'leave', outcome: 'running', reason });
    expect(events).toContainEqual({ type: 'finished', run, outcome: 'running', reason });
    expect(left).toEqual([{ run, execution: 'the execution', seconds: expect.any(Number) }]);
    expect(await readJson(store, runKeys.outcome(run), outcomeSchema)).toMatchObject({ outcome: 'running', reason });
    expect(await store.get(runKeys.record(run))).toBeUndefined();
  });

  it('and a run that another region can not have is refused, with both reasons', async () => {
    const events: ProgressEvent[] = [];
    const handOver = () => Promise.reject(new Error('it has come from there'));
    await expect(prepared({ spot: 0, onDemand: 0 }, 'gpu', { handOver }, events)).rejects.toThrow(
      'Or train without a GPU: --set compute.target=cpu.\n  It was not handed over to another region: it has come from there',
    );
    const message = 'It was not handed over to another region: it has come from there';
    expect(events).toContainEqual({ type: 'warning', message });
  });

  it('on Spot, and the run is trained on demand', async () => {
    const { events, state } = await prepared({ spot: 0, onDemand: 1 });
    expect(state.compute.market).toBe('onDemand');
    expect(events).toContainEqual({ type: 'warning', message: 'spot: 0: trained on demand. Ask for more.' });
    expect((await prepared({ spot: 1, onDemand: 0 })).state.compute.market).toBe('spot');
  });

  it('as far as it can be asked: where it can not, the run begins', async () => {
    const store = memoryStore();
    await requestRun(store, { ...fakeConfig(), compute: computeSchema.parse('gpu') });
    const ctx = { ...fakeContext(store, fakeWorkload()), quotaFor: () => Promise.reject(new Error('not allowed')) };
    expect((await prepare(ctx, { run })).compute.market).toBe('spot');
  });
});
