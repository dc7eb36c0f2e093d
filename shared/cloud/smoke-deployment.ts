/** The smoke test of a deployment by its name: with its own clients, and the queues that its functions know. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { BatchClient } from '@aws-sdk/client-batch';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { RunError } from '../core/errors.ts';
import type { Finding } from '../core/finding.ts';
import { type ComputeChoices, computeChoices } from './environment.ts';
import { explaining } from './explain.ts';
import type { Deployment, DeploymentName } from './find-deployment.ts';
import { problemOf } from './finding-answer.ts';
import { quotasFor } from './gpu-quota.ts';
import { cloudMeter } from './meter.ts';
import { openCloud } from './open-cloud.ts';
import { smoke } from './smoke.ts';
import { stackResources } from './stack-resources.ts';

/** The queues and job definitions that the first task of a run chooses from. @throws RunError when the stack has no such function. */
export async function choicesOf(deployment: Pick<Deployment, 'stack' | 'region'>): Promise<ComputeChoices> {
  const functions = (await stackResources(deployment))('AWS::Lambda::Function');
  const prepare = functions.find(({ logicalId }) => /Prepare/.test(logicalId));
  const client = explaining(new LambdaClient({ region: deployment.region }));
  try {
    const { Environment } = prepare
      ? await client.send(new GetFunctionConfigurationCommand({ FunctionName: prepare.id }))
      : {};
    const choices = computeChoices(Environment?.Variables ?? {});
    if (choices) return choices;
  } finally {
    client.destroy();
  }
  throw new RunError('the stack has no function that knows its queues', {
    where: deployment.stack,
    remedy: 'Deploy again.',
  });
}

/**
 * Trains a step on every queue of a deployment; that it can't be tried is a finding too.
 * @param signal aborted, jobs are waited for no longer: they are ended, and what they left is deleted.
 */
export async function smokeDeployment(name: DeploymentName, minutes: number, signal: AbortSignal): Promise<Finding[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'tempbalance-smoke-'));
  try {
    const cloud = await openCloud(name);
    const { region, store, bucket } = cloud;
    const choices = await choicesOf(cloud);
    const takeRequests = () => ({ writes: 0, reads: 0 });
    return await smoke({
      batch: explaining(new BatchClient({ region })),
      store,
      bucket,
      choices,
      meter: cloudMeter({ store, region, takeRequests }),
      quotaFor: quotasFor(explaining(new ServiceQuotasClient({ region })), choices),
      scratch,
      minutes,
      signal,
      now: () => new Date(),
      // Its end is what is waited for, whether by time or by the signal.
      sleep: (milliseconds) => wait(milliseconds, undefined, { signal }).catch(() => undefined),
    });
  } catch (error) {
    return [{ check: 'smoke', ...problemOf(error) }];
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
