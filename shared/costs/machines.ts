/** What training jobs run on, as a deployment describes it, and by what they are counted. */
import { z } from 'zod';
import { type RegionPrices, type Resource, usdPerSecond } from './prices.ts';

export const machineSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('instance'),
    instances: z.array(z.string()).min(1).describe('Instance types that a job may get.'),
    memoryGb: z.number().positive().optional().describe('Memory that a job has, in GiB; absent: not known.'),
  }),
  z.strictObject({ kind: z.literal('fargate'), vcpus: z.number().positive(), memoryGb: z.number().positive() }),
]);
export type Machine = z.output<typeof machineSchema>;

/**
 * Seconds that a job is counted with before its process begins: an instance that boots and pulls an image of several GB, or
 * Fargate that pulls a small one. Assumed, not measured; a machine that is still warm takes less.
 */
export const startSecondsOf: Readonly<Record<Machine['kind'], number>> = { instance: 180, fargate: 60 };

/**
 * The resource that a job on the machine is counted as, and its price: the dearest of the types that it may get, as it is not
 * known which it got, on demand.
 * @throws UserError when the table lacks a type.
 */
export function dearestOf(machine: Machine, prices: RegionPrices): { resource: Resource; usdPerSecond: number } {
  const resources: Resource[] =
    machine.kind === 'fargate'
      ? [machine]
      : machine.instances.map((instance) => ({ kind: 'instance' as const, instance }));
  return resources
    .map((resource) => ({ resource, usdPerSecond: usdPerSecond(resource, prices) }))
    .reduce((dearest, each) => (each.usdPerSecond > dearest.usdPerSecond ? each : dearest));
}

/** `g5.2xlarge`, or `Fargate, 4 vCPUs, 16 GB`. */
export function describeResource(resource: Resource): string {
  switch (resource.kind) {
    case 'instance':
      return resource.instance;
    case 'fargate':
      return `Fargate, ${resource.vcpus} vCPUs, ${resource.memoryGb} GB`;
    case 'lambda':
      return `Lambda, ${resource.memoryGb} GB`;
  }
}
