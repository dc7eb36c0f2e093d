import { expect, it } from 'vitest';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import type { TaskContext } from '../../shared/pipeline/context.ts';
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
