/** Whether jobs and functions can run: what AWS Batch says of its parts, and the quotas of the account. */
import {
  BatchClient,
  DescribeComputeEnvironmentsCommand,
  DescribeJobQueuesCommand,
  type JobDefinition,
} from '@aws-sdk/client-batch';
import { GetAccountSettingsCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetServiceQuotaCommand, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import type { Market } from '../decisions/compute.ts';
import { mostShards } from '../pipeline/history.ts';
import { explaining } from './explain.ts';
import { type Answer, ok, problem } from './finding-answer.ts';
import { askGpuQuota } from './gpu-quota.ts';
import { askRegion, offerAnswer } from './region-offer.ts';
import type { StackResource } from './stack-resources.ts';

/** AWS Batch's words on whether a part of it can be used. */
interface Usable {
  readonly name: string;
  readonly state: string | undefined;
  readonly status: string | undefined;
  readonly statusReason: string | undefined;
}

/** What is wrong with parts of one kind; `resource` is their name in AWS's commands. */
export function usableAnswer(resource: 'compute-environment' | 'job-queue', parts: readonly Usable[]): Answer {
  if (parts.length === 0) return problem('the stack has none', 'Deploy again.');
  const invalid = parts.filter(({ status }) => status !== 'VALID' && status !== 'UPDATING');
  if (invalid.length > 0) {
    const said = invalid.map(
      ({ name, status, statusReason }) => `${name} is ${status} (${statusReason ?? 'no reason'})`,
    );
    return problem(
      said.join('; '),
      'Jobs there wait until that is mended: usually a role, a subnet or an instance class.',
    );
  }
  const off = parts.filter(({ state }) => state !== 'ENABLED').map(({ name }) => name);
  if (off.length === 0) return ok(`${parts.length} usable`);
  const option = resource === 'job-queue' ? '--job-queue' : '--compute-environment';
  return problem(
    `disabled: ${off.join(', ')}`,
    `Enable it: aws batch update-${resource} ${option} NAME --state ENABLED`,
  );
}

export async function askEnvironments(region: string, resources: readonly StackResource[]): Promise<Answer> {
  const client = explaining(new BatchClient({ region }));
  const ids = resources.map(({ id }) => id);
  const { computeEnvironments = [] } =
    ids.length === 0 ? {} : await client.send(new DescribeComputeEnvironmentsCommand({ computeEnvironments: ids }));
  const parts = computeEnvironments.map(({ computeEnvironmentName: name, state, status, statusReason }) => ({
    ...{ name: name!, state, status, statusReason },
  }));
  return usableAnswer('compute-environment', parts);
}

/** Whether the zones have machines of the types that the GPU fleets may use. */
export async function askOffer(region: string, resources: readonly StackResource[]): Promise<Answer> {
  const client = explaining(new BatchClient({ region }));
  const ids = resources.map(({ id }) => id);
  const { computeEnvironments = [] } =
    ids.length === 0 ? {} : await client.send(new DescribeComputeEnvironmentsCommand({ computeEnvironments: ids }));
  const fleets = computeEnvironments.flatMap(({ computeResources }) => {
    const { instanceTypes: types = [], subnets: subnetIds = [] } = computeResources ?? {};
    return types.length > 0 ? [{ types, subnetIds }] : [];
  });
  const subnetIds = [...new Set(fleets.flatMap((fleet) => fleet.subnetIds))];
  return offerAnswer(await askRegion(region, { subnetIds }), fleets);
}

export async function askQueues(region: string, resources: readonly StackResource[]): Promise<Answer> {
  const client = explaining(new BatchClient({ region }));
  const ids = resources.map(({ id }) => id);
  const { jobQueues = [] } =
    ids.length === 0 ? {} : await client.send(new DescribeJobQueuesCommand({ jobQueues: ids }));
  const parts = jobQueues.map(({ jobQueueName: name, state, status, statusReason }) => ({
    ...{ name: name!, state, status, statusReason },
  }));
  return usableAnswer('job-queue', parts);
}

const requirements = ({ containerProperties }: JobDefinition) => containerProperties?.resourceRequirements ?? [];
const vcpusOf = (definition: JobDefinition | undefined) =>
  Number((definition && requirements(definition).find(({ type }) => type === 'VCPU')?.value) ?? 4);
const hasGpu = (definition: JobDefinition) => requirements(definition).some(({ type }) => type === 'GPU');

const withoutGpu: Readonly<Record<Market, string>> = {
  spot: 'jobs for GPUs go on on-demand at once',
  onDemand: 'a run that needs a GPU and gets none on Spot is refused, or waits in vain',
};

export async function askGpu(region: string, market: Market, definitions: readonly JobDefinition[]): Promise<Answer> {
  const client = explaining(new ServiceQuotasClient({ region }));
  const perJob = vcpusOf(definitions.find(hasGpu));
  const { jobs, found, remedy } = await askGpuQuota(client, market, perJob);
  const others = `${remedy} Or set compute.target: cpu in run files.`;
  return jobs > 0 ? ok(found) : problem(`${found}: ${withoutGpu[market]}`, others);
}

/** The quotas of Fargate in vCPUs, with their codes in Service Quotas. */
const fargateQuotas: Readonly<Record<Market, { readonly code: string; readonly label: string }>> = {
  spot: { code: 'L-36FBB829', label: 'Fargate Spot vCPU resource count' },
  onDemand: { code: 'L-3032A538', label: 'Fargate On-Demand vCPU resource count' },
};

export async function askFargate(
  region: string,
  market: Market,
  definitions: readonly JobDefinition[],
): Promise<Answer> {
  const { code, label } = fargateQuotas[market];
  const client = explaining(new ServiceQuotasClient({ region }));
  const request = new GetServiceQuotaCommand({ ServiceCode: 'fargate', QuotaCode: code });
  const { Quota: found } = await client.send(request);
  const vcpus = found?.Value ?? 0;
  const perJob = vcpusOf(definitions.find((each) => !hasGpu(each)));
  const jobs = Math.floor(vcpus / perJob);
  if (jobs > 0) return ok(`${vcpus} vCPUs, ${jobs} job${jobs === 1 ? '' : 's'} without a GPU at a time`);
  return problem(
    `${vcpus} vCPUs, a job without a GPU needs ${perJob}`,
    `Ask for more of "${label}" (Service Quotas, AWS Fargate, ${code}).`,
  );
}

/** What so many functions at a time mean: an analysis is shared out to `mostShards`. */
export function concurrencyAnswer(functions: number): Answer {
  if (functions > mostShards) return ok(`${functions} functions at a time`);
  return {
    result: 'note',
    found: `${functions} functions at a time; an analysis takes up to ${mostShards}, which then wait for each other`,
    remedy: 'Ask for more of "Concurrent executions" (Service Quotas, AWS Lambda, L-B99A9384).',
  };
}

export async function askConcurrency(region: string): Promise<Answer> {
  const client = explaining(new LambdaClient({ region }));
  const { AccountLimit } = await client.send(new GetAccountSettingsCommand({}));
  return concurrencyAnswer(AccountLimit?.ConcurrentExecutions ?? 0);
}
