/** Whether a deployment has what runs need. Each check says what it found, and what to do where that is not enough. */
import { BatchClient, DescribeJobDefinitionsCommand, type JobDefinition } from '@aws-sdk/client-batch';
import { BudgetsClient, DescribeBudgetCommand } from '@aws-sdk/client-budgets';
import { DescribeImagesCommand, ECRClient } from '@aws-sdk/client-ecr';
import { DescribeRuleCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { GetBucketVersioningCommand } from '@aws-sdk/client-s3';
import { DescribeStateMachineCommand, ListExecutionsCommand } from '@aws-sdk/client-sfn';
import { ListSubscriptionsByTopicCommand, SNSClient, type Subscription } from '@aws-sdk/client-sns';
import type { Finding } from '../core/finding.ts';
import { ceilingStanding, describeCeiling } from '../costs/ceiling.ts';
import { askConcurrency, askEnvironments, askFargate, askGpu, askOffer, askQueues } from './examine-compute.ts';
import { explaining } from './explain.ts';
import type { DeploymentName } from './find-deployment.ts';
import { type Answer, answered, ok, problem } from './finding-answer.ts';
import { callerIdentity } from './identity.ts';
import { type Cloud, openCloud } from './open-cloud.ts';
import { type StackResource, stackResources } from './stack-resources.ts';

/** All checks, in the order in which one needs the other; without a stack, only those that come before it. */
export async function examine(name: DeploymentName): Promise<Finding[]> {
  let account = '';
  const identity = await answered('identity', async () => {
    const caller = await callerIdentity(name.region);
    account = caller.account;
    return ok(caller.arn);
  });
  if (identity.result !== 'ok') return [identity];
  let cloud: Cloud | undefined;
  const stack = await answered('stack', async () => {
    cloud = await openCloud(name);
    return stackAnswer(cloud);
  });
  if (!cloud) return [identity, stack];
  const deployed = cloud;
  const { region } = deployed;
  const listed = stackResources(deployed);
  const resources = async (type: string) => (await listed)(type);
  const definitions = resources('AWS::Batch::JobDefinition').then((found) => jobDefinitions(region, found));
  const rest = await Promise.all([
    answered('bucket', () => askBucket(deployed)),
    answered('rule', async () => askRule(region, await resources('AWS::Events::Rule'))),
    answered('state machine', () => askStateMachine(deployed)),
    answered('comparisons', () => askComparisons(deployed)),
    answered('compute', async () => askEnvironments(region, await resources('AWS::Batch::ComputeEnvironment'))),
    answered('instance types', async () => askOffer(region, await resources('AWS::Batch::ComputeEnvironment'))),
    answered('queues', async () => askQueues(region, await resources('AWS::Batch::JobQueue'))),
    answered('Spot GPU quota', async () => askGpu(region, 'spot', await definitions)),
    answered('on-demand GPU quota', async () => askGpu(region, 'onDemand', await definitions)),
    answered('Fargate Spot quota', async () => askFargate(region, 'spot', await definitions)),
    answered('Fargate quota', async () => askFargate(region, 'onDemand', await definitions)),
    answered('functions', () => askConcurrency(region)),
    answered('notifications', async () => askSubscriptions(region, await resources('AWS::SNS::Topic'))),
    answered('images', async () => askImages(await definitions)),
    answered('budget', async () => askBudget(account, await resources('AWS::Budgets::Budget'))),
    answered('ceiling', () => askCeiling(deployed)),
    answered('failed runs', () => askFailures(deployed)),
  ]);
  return [identity, { check: 'region', ...ok(region) }, stack, ...rest];
}

const stackAnswer = ({ status, stack }: Cloud): Answer =>
  /^(CREATE|UPDATE|IMPORT)_COMPLETE$/.test(status)
    ? ok(`${stack}, ${status}`)
    : problem(`${stack}, ${status}`, 'See its events in the CloudFormation console; deploy again when it has settled.');

async function askBucket({ s3, bucket }: Cloud): Promise<Answer> {
  const { Status } = await s3.send(new GetBucketVersioningCommand({ Bucket: bucket }));
  return Status === 'Enabled'
    ? ok(`${bucket}, versions are kept`)
    : problem(`${bucket} keeps no versions`, 'Deploy again: what is replaced by mistake could not be had back.');
}

async function askRule(region: string, rules: readonly StackResource[]): Promise<Answer> {
  const [rule] = rules.filter(({ logicalId }) => logicalId.includes('DataSetArrived'));
  if (!rule) return problem('the stack has no rule for data sets that arrive', 'Deploy again.');
  const client = explaining(new EventBridgeClient({ region }));
  const { State } = await client.send(new DescribeRuleCommand({ Name: rule.id }));
  return State === 'ENABLED'
    ? ok('data sets that arrive start runs')
    : problem(`${rule.id} is disabled`, `Enable it: aws events enable-rule --name ${rule.id}`);
}

async function askComparisons({ sfn, compareStateMachine }: Cloud): Promise<Answer> {
  if (compareStateMachine !== undefined) return askStateMachine({ sfn, stateMachine: compareStateMachine });
  const remedy = 'Deploy again, if you want to compare there.';
  return { result: 'note', found: 'an earlier version is deployed, which makes none', remedy };
}

async function askStateMachine({
  sfn,
  stateMachine: stateMachineArn,
}: Pick<Cloud, 'sfn' | 'stateMachine'>): Promise<Answer> {
  const { status, name } = await sfn.send(new DescribeStateMachineCommand({ stateMachineArn }));
  return status === 'ACTIVE' ? ok(`${name}, ${status}`) : problem(`${name} is ${status}`, 'Deploy again.');
}

/** The parts of an image's address in ECR; undefined for images elsewhere. */
export function parseImage(
  image: string,
): { account: string; region: string; repository: string; tag: string } | undefined {
  const [, account, region, repository, tag] =
    /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+):([^:@]+)$/.exec(image) ?? [];
  return account && region && repository && tag ? { account, region, repository, tag } : undefined;
}

async function jobDefinitions(region: string, resources: readonly StackResource[]): Promise<JobDefinition[]> {
  const batch = explaining(new BatchClient({ region }));
  const ids = resources.map(({ id }) => id);
  return (await batch.send(new DescribeJobDefinitionsCommand({ jobDefinitions: ids }))).jobDefinitions ?? [];
}

async function askImages(definitions: readonly JobDefinition[]): Promise<Answer> {
  const images = definitions.flatMap(({ containerProperties }) => containerProperties?.image ?? []);
  if (images.length === 0) return problem('the stack has no job definition with an image', 'Deploy again.');
  const missing: string[] = [];
  for (const image of images) if (!(await isPresent(image))) missing.push(image);
  if (missing.length === 0) return ok(`${images.length} present`);
  return problem(`not in ECR: ${missing.join(', ')}`, 'Deploy again; `cdk gc` must not delete images in use.');
}

async function isPresent(image: string): Promise<boolean> {
  const parts = parseImage(image);
  if (!parts) return true;
  const { account: registryId, region, repository: repositoryName, tag: imageTag } = parts;
  const client = explaining(new ECRClient({ region }));
  try {
    await client.send(new DescribeImagesCommand({ registryId, repositoryName, imageIds: [{ imageTag }] }));
    return true;
  } catch (error) {
    if (['ImageNotFoundException', 'RepositoryNotFoundException'].includes((error as Error).name)) return false;
    throw error;
  }
}

export async function askBudget(AccountId: string, budgets: readonly StackResource[]): Promise<Answer> {
  const [budget] = budgets;
  if (!budget) return problem('the stack has no budget', 'Deploy again.');
  const client = explaining(new BudgetsClient({ region: 'us-east-1' }));
  const { Budget } = await client.send(new DescribeBudgetCommand({ AccountId, BudgetName: budget.id }));
  const { Amount, Unit } = Budget?.BudgetLimit ?? {};
  const spent = Budget?.CalculatedSpend?.ActualSpend?.Amount;
  return ok(`${Amount} ${Unit} a month${spent === undefined ? '' : `, ${spent} spent`}`);
}

/** The rest of the ceiling, as the meter counts it. */
async function askCeiling({ store, ceiling }: Pick<Cloud, 'store' | 'ceiling'>): Promise<Answer> {
  const standing = await ceilingStanding(store, ceiling, new Date());
  if (!ceiling) {
    const found = `none; ${standing.spentUsd.toFixed(2)} USD were metered since ${standing.since}`;
    return { result: 'note', found, remedy: 'Set ceiling in cdk.json to bound what all runs spend, and deploy again.' };
  }
  const found = describeCeiling(standing, ceiling);
  return standing.leftUsd! > 0
    ? ok(`${found}, ${standing.leftUsd!.toFixed(2)} USD are left`)
    : problem(
        `${found}: no new run begins`,
        `It begins anew on ${standing.until} (UTC). Or raise ceiling in cdk.json.`,
      );
}

/** Whether somebody is told: an e-mail address gets nothing before its owner has confirmed it. */
async function askSubscriptions(region: string, topics: readonly StackResource[]): Promise<Answer> {
  const [topic] = topics;
  if (!topic) return problem('the stack has no topic', 'Deploy again.');
  const client = explaining(new SNSClient({ region }));
  const { Subscriptions = [] } = await client.send(new ListSubscriptionsByTopicCommand({ TopicArn: topic.id }));
  return subscriptionsAnswer(Subscriptions);
}

/** The finding about a topic's subscriptions. */
export function subscriptionsAnswer(
  subscriptions: readonly Pick<Subscription, 'SubscriptionArn' | 'Endpoint'>[],
): Answer {
  const pending = subscriptions.filter(({ SubscriptionArn: arn }) => arn === 'PendingConfirmation');
  if (pending.length > 0) {
    const addresses = pending.map(({ Endpoint }) => Endpoint).join(', ');
    return problem(
      `not confirmed: ${addresses}`,
      'Follow the link in the mail of "AWS Notifications" (look into spam too); after three days deploy again.',
    );
  }
  if (subscriptions.length > 0) return ok(`told: ${subscriptions.map(({ Endpoint }) => Endpoint).join(', ')}`);
  return { result: 'note', found: 'nobody is told', remedy: 'Set notificationEmail in cdk.json, and deploy again.' };
}

const shownFailures = 3;

async function askFailures({ sfn, stateMachine: stateMachineArn }: Cloud): Promise<Answer> {
  const { executions = [] } = await sfn.send(
    new ListExecutionsCommand({ stateMachineArn, statusFilter: 'FAILED', maxResults: shownFailures }),
  );
  if (executions.length === 0) return ok('none');
  const lines = executions.map(({ name, stopDate }) => `${name} (${stopDate?.toISOString() ?? 'no time'})`);
  return {
    result: 'note',
    found: `the last: ${lines.join(', ')}`,
    remedy: '`npx tempbalance cloud status <run>` says why; `npx tempbalance cloud logs <run>` shows more.',
  };
}
