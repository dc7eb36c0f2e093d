/** The account's quotas of machines with a GPU, which are 0 in a new account. */
import { GetServiceQuotaCommand, type ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import type { Market } from '../decisions/compute.ts';
import type { Quota, TaskContext } from '../pipeline/context.ts';
import type { ComputeChoices } from './environment.ts';

/** By their codes in Service Quotas, service `ec2`; both count vCPUs. */
export const gpuQuotas = {
  spot: { code: 'L-3819A6DF', label: 'All G and VT Spot Instance Requests' },
  onDemand: { code: 'L-DB2E81BA', label: 'Running On-Demand G and VT instances' },
} as const satisfies Record<Market, { code: string; label: string }>;

/** What a quota of so many vCPUs means for jobs that take `perJob` each. */
export function quotaOf(market: Market, vcpus: number, perJob: number): Quota {
  const { code, label } = gpuQuotas[market];
  const jobs = Math.floor(vcpus / perJob);
  const found =
    jobs > 0
      ? `${vcpus} vCPUs, ${jobs} GPU job${jobs === 1 ? '' : 's'} at a time`
      : `the quota "${label}" is ${vcpus} vCPUs, and a job needs ${perJob}`;
  const request = `aws service-quotas request-service-quota-increase --service-code ec2 --quota-code ${code} --desired-value ${perJob}`;
  return { jobs, found, remedy: `Ask for more, which can take a day: \`${request}\`.` };
}

/** Asks for a quota. @throws what the service answers where it can't be asked. */
export async function askGpuQuota(client: ServiceQuotasClient, market: Market, perJob: number): Promise<Quota> {
  const { code: QuotaCode } = gpuQuotas[market];
  const { Quota: found } = await client.send(new GetServiceQuotaCommand({ ServiceCode: 'ec2', QuotaCode }));
  return quotaOf(market, found?.Value ?? 0, perJob);
}

/** The quotas that bound a deployment's jobs. */
export const quotasFor =
  (client: ServiceQuotasClient, choices: ComputeChoices): NonNullable<TaskContext['quotaFor']> =>
  async ({ target, market }) => {
    const { gpuVcpus } = choices[target][market];
    return gpuVcpus === undefined ? undefined : askGpuQuota(client, market, gpuVcpus);
  };
