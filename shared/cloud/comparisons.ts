/** The comparisons in a deployment's bucket, and the executions at them. */
import { DescribeExecutionCommand, ExecutionDoesNotExist, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { comparisonKeys } from '../checkpoints/comparison-keys.ts';
import { readJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { UserError } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';
import { type ComparisonRequest, comparisonRequestSchema } from '../pipeline/comparison/records.ts';
import { executionName } from '../pipeline/execution-name.ts';
import { type Execution, executionArn } from './executions.ts';
import type { Cloud } from './open-cloud.ts';
import { listCloudRuns, nameOf, namesBelow, runOf } from './runs.ts';

const folder = 'comparisons/';

/** Key prefix of a comparison by its name. */
export const comparisonOf = (name: string): string => `${folder}${name}`;

/** The run or comparison that a command is about. */
export type Target =
  | {
      readonly kind: 'run';
      readonly run: string /** There is a comparison of this name too. */;
      readonly hidden: boolean;
    }
  | { readonly kind: 'comparison'; readonly comparison: string };

/** Names of the comparisons, sorted. */
export const listComparisons = (cloud: Pick<Cloud, 's3' | 'bucket'>): Promise<string[]> => namesBelow(cloud, folder);

/** Key prefixes of the runs of a comparison, sorted. */
export async function listComparedRuns(cloud: Pick<Cloud, 's3' | 'bucket'>, comparison: string): Promise<string[]> {
  const names = await namesBelow(cloud, comparisonKeys.run(comparison, ''));
  return names.map((name) => comparisonKeys.run(comparison, name));
}

/**
 * The run or comparison that is meant by a name or an address: a run, where there are both, unless it is given as `comparisons/<name>`.
 * @throws UserError when there is neither.
 */
export async function findTarget(cloud: Pick<Cloud, 's3' | 'bucket' | 'store'>, given: string): Promise<Target> {
  const plain = given.replace(/\/+$/, '');
  const name = nameOf(plain);
  const isName = !['', '.', '..'].includes(name);
  const has = async (key: string) => isName && (await cloud.store.get(key)) !== undefined;
  const comparison = comparisonOf(name);
  const [isRun, isComparison] = await Promise.all([
    has(runKeys.request(runOf(name))),
    has(comparisonKeys.request(comparison)),
  ]);
  const meansComparison = plain.endsWith(comparison);
  if (isRun && !(meansComparison && isComparison)) return { kind: 'run', run: runOf(name), hidden: isComparison };
  if (isComparison) return { kind: 'comparison', comparison };
  const known = [...(await listCloudRuns(cloud)), ...(await listComparisons(cloud))];
  throw new UserError(`there is no such run or comparison in s3://${cloud.bucket}`, {
    where: given,
    remedy:
      didYouMean(name, known) ||
      (known.length === 0
        ? 'Start a run by `npx tempbalance cloud submit`, or a comparison by `npx tempbalance cloud compare`.'
        : `There are: ${known.slice(0, 20).join(', ')}${known.length > 20 ? ', ...' : ''}.`),
  });
}

const readComparisonRequest = (
  { store }: Pick<Cloud, 'store'>,
  comparison: string,
): Promise<ComparisonRequest | undefined> =>
  readJson(store, comparisonKeys.request(comparison), comparisonRequestSchema);

type Machines = Pick<Cloud, 'sfn' | 'compareStateMachine' | 'stack'>;

/** The state machine of comparisons. @throws UserError when what is deployed has none. */
export function compareMachine({
  compareStateMachine,
  stack,
}: Pick<Machines, 'compareStateMachine' | 'stack'>): string {
  if (compareStateMachine !== undefined) return compareStateMachine;
  throw new UserError('was deployed by a version that makes no comparisons', {
    where: stack,
    remedy: 'Deploy again: `npx tempbalance cloud deploy`.',
  });
}

/** The last execution of a comparison, as a run's are told of. */
export type ComparisonExecution = Pick<Execution, 'arn' | 'name' | 'status' | 'startedAt' | 'stoppedAt'>;

/** The last execution of a comparison; undefined where it could not be started, or is forgotten after 90 days. */
export async function executionOfComparison(
  cloud: Machines,
  { settings, executions }: Pick<ComparisonRequest, 'settings' | 'executions'>,
): Promise<ComparisonExecution | undefined> {
  const name = executionName(settings.name, executions);
  const arn = executionArn({ stateMachine: compareMachine(cloud) }, name);
  try {
    const found = await cloud.sfn.send(new DescribeExecutionCommand({ executionArn: arn }));
    return { arn, name, status: found.status!, startedAt: found.startDate!, stoppedAt: found.stopDate };
  } catch (error) {
    if (error instanceof ExecutionDoesNotExist) return undefined;
    throw error;
  }
}

/** @throws UserError when an execution is at the comparison. */
export async function refuseRunningComparison(cloud: Machines, request: ComparisonRequest): Promise<void> {
  const { name } = request.settings;
  if ((await executionOfComparison(cloud, request))?.status !== 'RUNNING') return;
  throw new UserError('is running', {
    where: name,
    remedy: `Wait for its end (npx tempbalance cloud watch ${name}), or stop it: npx tempbalance cloud stop ${name}`,
  });
}

/** Stops the execution at a comparison; Step Functions stops those of its runs. @throws UserError when there is none. */
export async function stopComparison(cloud: Machines & Pick<Cloud, 'store'>, comparison: string): Promise<void> {
  const request = await readComparisonRequest(cloud, comparison);
  const execution = request && (await executionOfComparison(cloud, request));
  if (execution?.status !== 'RUNNING') {
    const name = nameOf(comparison);
    throw new UserError('is not running', {
      where: name,
      remedy: `See how it stands: npx tempbalance cloud status ${name}`,
    });
  }
  await cloud.sfn.send(new StopExecutionCommand({ executionArn: execution.arn, cause: 'stopped by a person' }));
}
