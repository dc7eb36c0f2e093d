/** A training task as a job: how the workflow hands it its state, in a container's environment or in this process. */
import { z } from 'zod';
import { RunError } from '../core/errors.ts';
import { type Target, targets } from '../decisions/compute.ts';
import type { TaskContext } from './context.ts';
import { stateVariable } from './execution.ts';
import { stateSchema } from './messages.ts';
import { noteLastLap } from './meter-notes.ts';
import { runTask } from './tasks/index.ts';

/** The part of the job's parameters that reaches the container, as AWS Batch takes it. */
const jobParametersSchema = z.object({
  ContainerOverrides: z.object({ Environment: z.array(z.object({ Name: z.string(), Value: z.string() })) }),
});

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment that a job with these parameters gives its container. */
export function environmentOf(parameters: unknown): Environment {
  const { Environment: variables } = jobParametersSchema.parse(parameters).ContainerOverrides;
  return Object.fromEntries(variables.map(({ Name, Value }) => [Name, Value]));
}

const describedSchema = z
  .object({ run: z.string(), compute: z.object({ target: z.enum(targets), endsAt: z.iso.datetime().optional() }) })
  .partial();

/** The job that an environment describes. */
interface DescribedJob {
  readonly run?: string | undefined;
  readonly target?: Target | undefined;
  /** When it has to end. */
  readonly endsAt?: Date | undefined;
}

/** The run that an environment describes, what kind of machine it asked for, and until when it may run; empty where it describes none. */
export function describeJob(environment: Environment): DescribedJob {
  try {
    const { run, compute } = describedSchema.parse(JSON.parse(environment[stateVariable] ?? ''));
    return {
      run,
      target: compute?.target,
      endsAt: compute?.endsAt === undefined ? undefined : new Date(compute.endsAt),
    };
  } catch {
    return {};
  }
}

/** Notes what a job has used so far: of one that ends before its task does. */
export async function noteJob(ctx: TaskContext, environment: Environment): Promise<void> {
  await noteLastLap(ctx, stateSchema.parse(JSON.parse(environment[stateVariable] ?? '')));
}

/**
 * Runs the training task that an environment describes; what it finds is in the store when it ends.
 * @throws what the task throws; `exitCodeOf` says how a container ends then.
 */
export async function runTrainingJob(ctx: TaskContext, environment: Environment): Promise<void> {
  const state = environment[stateVariable];
  if (state === undefined) throw new RunError(`${stateVariable} is not set: the workflow puts the state there`);
  await runTask('TrainEpoch', ctx, JSON.parse(state));
}
