/** Finds the executions of the workflow that are at a run. */
import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  type ExecutionListItem,
  type ExecutionStatus,
  paginateListExecutions,
} from '@aws-sdk/client-sfn';
import { z } from 'zod';
import { jobName } from '../pipeline/compute.ts';
import { executionName, handoverPrefix } from '../pipeline/execution-name.ts';
import type { Cloud } from './open-cloud.ts';
import { nameOf } from './runs.ts';

export interface Execution {
  readonly arn: string;
  readonly name: string;
  readonly run: string;
  readonly status: ExecutionStatus;
  readonly startedAt: Date;
  readonly stoppedAt: Date | undefined;
  /** Whether it can be driven on from where it ended, by what the service says. */
  readonly redrivable: boolean;
}

/** The most executions on a page. */
const pageSize = 1000;

type Executions = Pick<Cloud, 'sfn' | 'stateMachine'>;

const inputSchema = z.object({ run: z.string() });

/** The run that an execution was started with; undefined where its input is another. */
function runIn(input: string | undefined): string | undefined {
  try {
    return inputSchema.parse(JSON.parse(input ?? '')).run;
  } catch {
    return undefined;
  }
}

function executionOf(described: DescribeExecutionOutput): Execution | undefined {
  const run = runIn(described.input);
  if (run === undefined) return undefined;
  return {
    arn: described.executionArn!,
    name: described.name!,
    run,
    status: described.status!,
    startedAt: described.startDate!,
    stoppedAt: described.stopDate,
    redrivable: described.redriveStatus === 'REDRIVABLE',
  };
}

async function describeAll({ sfn }: Executions, items: readonly ExecutionListItem[]): Promise<Execution[]> {
  const described = await Promise.all(
    items.map(({ executionArn }) => sfn.send(new DescribeExecutionCommand({ executionArn }))),
  );
  return described.flatMap((each) => executionOf(each) ?? []);
}

/** Whether an execution of this name may be of the run: its first, a numbered one, the successor of one, or one that another region started. */
function mayBeOf(run: string): (name: string) => boolean {
  const name = nameOf(run);
  const others = [`${jobName(run)}-after-`, handoverPrefix(name)];
  const isNumbered = (given: string) => {
    const number = Number(/-(\d+)$/.exec(given)?.[1] ?? 0);
    return number > 1 && given === executionName(name, number);
  };
  return (given) =>
    given === executionName(name) || isNumbered(given) || others.some((prefix) => given.startsWith(prefix));
}

/** The executions of a run, the newest first. */
export async function executionsOf(cloud: Executions, run: string): Promise<Execution[]> {
  const isCandidate = mayBeOf(run);
  const items: ExecutionListItem[] = [];
  const { sfn, stateMachine: stateMachineArn } = cloud;
  for await (const { executions = [] } of paginateListExecutions({ client: sfn, pageSize }, { stateMachineArn })) {
    items.push(...executions.filter(({ name }) => isCandidate(name!)));
  }
  const own = (await describeAll(cloud, items)).filter((execution) => execution.run === run);
  return own.sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime());
}

/** The execution that is at a run, even where a newer one has ended beside it; where none is, the last. */
export const currentOf = (executions: readonly Execution[]): Execution | undefined =>
  executions.find(({ status }) => status === 'RUNNING') ?? executions[0];

/** The runs that an execution is at. */
export async function activeRuns(cloud: Executions): Promise<Set<string>> {
  const runs = new Set<string>();
  const { sfn, stateMachine: stateMachineArn } = cloud;
  const running = { stateMachineArn, statusFilter: 'RUNNING' as const };
  for await (const { executions = [] } of paginateListExecutions({ client: sfn, pageSize }, running)) {
    for (const { run } of await describeAll(cloud, executions)) runs.add(run);
  }
  return runs;
}

/** ARN of an execution by its name. */
export const executionArn = ({ stateMachine }: Pick<Cloud, 'stateMachine'>, name: string): string =>
  `${stateMachine.replace(':stateMachine:', ':execution:')}:${name}`;

/** The address of an execution in the console. */
export function consoleAddress({ arn }: Pick<Execution, 'arn'>): string {
  const [, partition, , region] = arn.split(':');
  const host = partition === 'aws-cn' ? 'console.amazonaws.cn' : 'console.aws.amazon.com';
  return `https://${region}.${host}/states/home?region=${region}#/v2/executions/details/${arn}`;
}
