/** What a deployment tells its functions and containers: environment variables. */
import { z } from 'zod';
import { RunError } from '../core/errors.ts';
import { type Ceiling, ceilingSchema } from '../costs/ceiling.ts';
import { machineSchema } from '../costs/machines.ts';

const choiceSchema = z.object({
  queue: z.string(),
  definition: z.string(),
  machine: machineSchema,
  /** The longest time that a job may wait in its queue, in seconds. */
  waitSeconds: z.number().positive().optional(),
  /** vCPUs that a job takes of the account's quota of machines with a GPU. */
  gpuVcpus: z.number().positive().optional(),
  /** An engine that the jobs' image was built without. */
  lacks: z.literal('tfjs-node-gpu').optional(),
});
const marketsSchema = z.object({ spot: choiceSchema, onDemand: choiceSchema });

/** The job queue and definition for every kind of machine, and what its jobs are counted as. */
export const computeChoicesSchema = z.object({ gpu: marketsSchema, cpu: marketsSchema });
export type ComputeChoices = z.output<typeof computeChoicesSchema>;

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** @throws RunError when the variable is not set. */
export function required(environment: Environment, name: string): string {
  const value = environment[name];
  if (value) return value;
  throw new RunError('is not set', { where: name, remedy: 'The deployment sets it: deploy again.' });
}

/** What the deployment may spend; undefined where that has no limit. @throws RunError when it is not what a deployment writes. */
export function ceilingIn(text: string | undefined): Ceiling | undefined {
  if (text === undefined || text === 'none') return undefined;
  try {
    return ceilingSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new RunError('is no ceiling', { where: text, remedy: 'The deployment sets it: deploy again.', cause });
  }
}

/** Undefined where this task does not choose machines. @throws RunError when it is not what a deployment writes. */
export function computeChoices(environment: Environment): ComputeChoices | undefined {
  const text = environment.TEMPBALANCE_COMPUTE;
  if (text === undefined) return undefined;
  try {
    return computeChoicesSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new RunError('does not name the queues, job definitions and machines', {
      where: 'TEMPBALANCE_COMPUTE',
      cause,
    });
  }
}

const fallbackSchema = z.object({ stack: z.string(), region: z.string() });

/** The deployment in another region that takes over runs; undefined where there is none. @throws RunError when it is not what a deployment writes. */
export function fallbackOf({ TEMPBALANCE_FALLBACK: text }: Environment): z.output<typeof fallbackSchema> | undefined {
  if (text === undefined) return undefined;
  try {
    return fallbackSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new RunError('does not name a deployment', { where: 'TEMPBALANCE_FALLBACK', cause });
  }
}
