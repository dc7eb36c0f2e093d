/** A deployment, found by the name of its stack. */
import { CloudFormationClient, DescribeStacksCommand, type Stack } from '@aws-sdk/client-cloudformation';
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import type { Ceiling } from '../costs/ceiling.ts';
import { ceilingIn } from './environment.ts';
import { explaining } from './explain.ts';

/** Where to look: a region other than the SDK's own choice, and the stack's name. */
export interface DeploymentName {
  readonly stack: string;
  readonly region?: string | undefined;
}

/** The outputs of the stack, by their names. */
const outputsSchema = z.object({
  Bucket: z.string(),
  StateMachine: z.string(),
  /** Absent in a stack that an earlier version deployed. */
  CompareStateMachine: z.string().optional(),
  Launch: z.string(),
  Topic: z.string(),
  /** Absent as above. */
  Ceiling: z.string().optional(),
});

export const outputNames = Object.keys(outputsSchema.shape);

export interface Deployment {
  readonly stack: string;
  readonly region: string;
  /** CloudFormation's word for the state of the stack. */
  readonly status: string;
  readonly bucket: string;
  /** ARN. */
  readonly stateMachine: string;
  /** ARN of the state machine of comparisons; undefined where an earlier version was deployed. */
  readonly compareStateMachine: string | undefined;
  /** Name of the function that starts runs. */
  readonly launch: string;
  /** ARN. */
  readonly topic: string;
  /** The ceiling of all runs; undefined: there is none. */
  readonly ceiling: Ceiling | undefined;
}

/** A client for the region that is asked for, or the SDK's own choice. */
export const inRegion = (region: string | undefined) => (region === undefined ? {} : { region });

/** @throws UserError when there is no such stack, it is not one of ours, or AWS can't be asked. */
export async function findDeployment({ stack, region }: DeploymentName): Promise<Deployment> {
  const client = explaining(new CloudFormationClient(inRegion(region)));
  try {
    const found = await describe(client, stack);
    return deploymentOf(found, stack, await client.config.region());
  } finally {
    client.destroy();
  }
}

async function describe(client: CloudFormationClient, stack: string): Promise<Stack> {
  if (!/^(arn:.+|[A-Za-z][A-Za-z0-9-]*)$/.test(stack)) {
    throw new UserError('can\'t be the name of a stack: letters, digits and "-"', {
      where: stack || 'an empty name',
      remedy: 'Name the deployment by --stack or TEMPBALANCE_STACK.',
    });
  }
  try {
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: stack }));
    if (Stacks[0]) return Stacks[0];
  } catch (error) {
    const { name, message } = error as Error;
    if (name !== 'ValidationError' || !/does not exist/.test(message)) throw error;
  }
  throw new UserError(`there is no stack of this name in ${await client.config.region()}`, {
    where: stack,
    remedy: 'Deploy it by `npx tempbalance cloud deploy`, or name another by --stack (TEMPBALANCE_STACK) or --region.',
  });
}

function deploymentOf(found: Stack, stack: string, region: string): Deployment {
  const outputs = Object.fromEntries(
    (found.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]),
  );
  const parsed = outputsSchema.safeParse(outputs);
  const status = found.StackStatus ?? 'unknown';
  if (!parsed.success) {
    const missing = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
    throw new UserError(`the stack has no outputs ${missing} (its status: ${status})`, {
      where: stack,
      remedy: status.endsWith('_COMPLETE')
        ? 'Is it a deployment of tempbalance? Name another by --stack, or deploy again.'
        : 'Wait until its deployment is done, or deploy again: `npx tempbalance cloud deploy`.',
    });
  }
  const { Bucket: bucket, StateMachine: stateMachine, Launch: launch, Topic: topic } = parsed.data;
  const { CompareStateMachine: compareStateMachine } = parsed.data;
  const ceiling = ceilingIn(parsed.data.Ceiling);
  return { stack, region, status, bucket, stateMachine, compareStateMachine, launch, topic, ceiling };
}
