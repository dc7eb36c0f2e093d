import { BudgetsClient, CreateBudgetCommand } from '@aws-sdk/client-budgets';
import { CreateRepositoryCommand, ECRClient, PutImageCommand } from '@aws-sdk/client-ecr';
import { DisableRuleCommand, EventBridgeClient, ListRulesCommand } from '@aws-sdk/client-eventbridge';
import { PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { askBudget, examine, parseImage, subscriptionsAnswer } from '../../shared/cloud/doctor.ts';
import { concurrencyAnswer, usableAnswer } from '../../shared/cloud/examine-compute.ts';
import { quotaOf } from '../../shared/cloud/gpu-quota.ts';
import { runCli } from '../support/cli.ts';
import { startDeployment } from '../support/deployment.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { createStack } from '../support/stack.ts';

const deployment = await startDeployment();
const image = '123456789012.dkr.ecr.us-east-1.amazonaws.com/assets/tempbalance:abc';

describe.skipIf(!deployment)('doctor', () => {
  beforeAll(async () => {
    await createStack(deployment!, {
      Resources: {
        LaunchingDataSetArrived0A1B2C3D: {
          Type: 'AWS::Events::Rule',
          Properties: { EventPattern: { source: ['aws.s3'] }, State: 'ENABLED' },
        },
        JobsCpu0A1B2C3D: {
          Type: 'AWS::Batch::JobDefinition',
          Properties: {
            Type: 'container',
            ContainerProperties: { Image: image, Vcpus: 4, Memory: 2000 },
            RetryStrategy: { Attempts: 1 },
          },
        },
      },
    });
  });

  const found = async () => {
    const findings = await examine({ stack: 'tempbalance' });
    return Object.fromEntries(findings.map(({ check, ...rest }) => [check, rest]));
  };

  it('says what is there, and of what is not what to do', async () => {
    const findings = await found();
    expect(findings).toMatchObject({
      identity: { result: 'ok', found: expect.stringContaining('arn:aws:') },
      region: { result: 'ok', found: 'us-east-1' },
      stack: { result: 'ok', found: 'tempbalance, CREATE_COMPLETE' },
      bucket: { result: 'ok' },
      rule: { result: 'ok' },
      'state machine': { result: 'ok' },
      comparisons: { result: 'ok' },
      'failed runs': { result: 'ok', found: 'none' },
      images: { result: 'problem', found: `not in ECR: ${image}` },
      budget: { result: 'problem', found: 'the stack has no budget' },
    });
  });

  it('finds the images once they are in ECR', async () => {
    const ecr = new ECRClient({ region: 'us-east-1' });
    const repositoryName = 'assets/tempbalance';
    await ecr.send(new CreateRepositoryCommand({ repositoryName }));
    expect((await found()).images).toMatchObject({ result: 'problem' });
    const imageManifestMediaType = 'application/vnd.docker.distribution.manifest.v2+json';
    const imageManifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: imageManifestMediaType,
      config: {},
      layers: [],
    });
    await ecr.send(new PutImageCommand({ repositoryName, imageManifest, imageManifestMediaType, imageTag: 'abc' }));
    expect((await found()).images).toMatchObject({ result: 'ok', found: '1 present' });
    ecr.destroy();
  });

  it('reads the budget', async () => {
    const client = new BudgetsClient({ region: 'us-east-1' });
    const Budget = {
      BudgetName: 'monthly',
      BudgetType: 'COST' as const,
      TimeUnit: 'MONTHLY' as const,
      BudgetLimit: { Amount: '50', Unit: 'USD' },
    };
    await client.send(new CreateBudgetCommand({ AccountId: '123456789012', Budget }));
    const answer = await askBudget('123456789012', [{ logicalId: 'Budget', id: 'monthly' }]);
    expect(answer).toMatchObject({ result: 'ok', found: expect.stringContaining('50 USD a month') });
    client.destroy();
  });

  it('finds a rule that was disabled and a bucket without versions', async () => {
    const events = new EventBridgeClient({ region: 'us-east-1' });
    const { Rules } = await events.send(new ListRulesCommand({}));
    await events.send(new DisableRuleCommand({ Name: Rules![0]!.Name! }));
    const VersioningConfiguration = { Status: 'Suspended' as const };
    await deployment!.s3.send(new PutBucketVersioningCommand({ Bucket: deployment!.bucket, VersioningConfiguration }));
    const { rule, bucket } = await found();
    expect(rule).toMatchObject({ result: 'problem', remedy: expect.stringContaining('aws events enable-rule --name') });
    expect(bucket).toMatchObject({ result: 'problem', found: expect.stringContaining('keeps no versions') });
    events.destroy();
  });

  it('says of every check that could not be made why, and makes the others', async () => {
    const proxy = await startFaultProxy(process.env.AWS_ENDPOINT_URL!);
    onTestFinished(() => proxy.close());
    onTestFinished(() => void delete process.env.AWS_ENDPOINT_URL_CLOUDFORMATION);
    process.env.AWS_ENDPOINT_URL_CLOUDFORMATION = proxy.url;
    proxy.play(() => (proxy.seen.length > 1 ? { kind: 'refuse', status: 403, code: 'AccessDenied' } : undefined));
    expect(await found()).toMatchObject({
      stack: { result: 'ok' },
      'state machine': { result: 'ok' },
      comparisons: { result: 'ok' },
      rule: { result: 'problem', found: expect.stringContaining('CloudFormation ListStackResources') },
      budget: { result: 'problem', found: expect.stringContaining('access is denied') },
    });
  });

  it('ends after the stack where there is none', async () => {
    const findings = await examine({ stack: 'nowhere' });
    expect(findings.map(({ check, result }) => [check, result])).toEqual([
      ['identity', 'ok'],
      ['stack', 'problem'],
    ]);
    const { code, stdout } = await runCli(['cloud', 'doctor', '--stack', 'nowhere']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/PROBLEM +stack +nowhere: there is no stack of this name/);
  });
});

it('counts GPU jobs by the quota', () => {
  expect(quotaOf('spot', 9, 4)).toMatchObject({ jobs: 2, found: '9 vCPUs, 2 GPU jobs at a time' });
  expect(quotaOf('onDemand', 7, 8)).toMatchObject({
    jobs: 0,
    found: 'the quota "Running On-Demand G and VT instances" is 7 vCPUs, and a job needs 8',
    remedy: expect.stringContaining('--quota-code L-DB2E81BA --desired-value 8'),
  });
});

it('finds compute environments and queues that jobs would wait in vain at', () => {
  const part = { name: 'GpuSpot', state: 'ENABLED', status: 'VALID', statusReason: undefined };
  expect(usableAnswer('job-queue', [part, part])).toEqual({ result: 'ok', found: '2 usable' });
  expect(usableAnswer('job-queue', [])).toMatchObject({ result: 'problem' });
  const invalid = { ...part, status: 'INVALID', statusReason: 'CLIENT_ERROR - not authorized' };
  expect(usableAnswer('compute-environment', [part, invalid])).toMatchObject({
    result: 'problem',
    found: 'GpuSpot is INVALID (CLIENT_ERROR - not authorized)',
  });
  expect(usableAnswer('job-queue', [{ ...part, state: 'DISABLED' }])).toMatchObject({
    found: 'disabled: GpuSpot',
    remedy: expect.stringContaining('aws batch update-job-queue --job-queue NAME --state ENABLED'),
  });
});

it('says when functions wait for each other, and when nobody is told', () => {
  expect(concurrencyAnswer(1000).result).toBe('ok');
  expect(concurrencyAnswer(10)).toMatchObject({ result: 'note', remedy: expect.stringContaining('L-B99A9384') });
  const [Endpoint, SubscriptionArn] = ['team@example.com', 'arn:aws:sns:us-east-1:123456789012:topic:1'];
  expect(subscriptionsAnswer([]).result).toBe('note');
  expect(subscriptionsAnswer([{ Endpoint, SubscriptionArn }])).toEqual({ result: 'ok', found: `told: ${Endpoint}` });
  expect(subscriptionsAnswer([{ Endpoint, SubscriptionArn: 'PendingConfirmation' }])).toMatchObject({
    result: 'problem',
    found: `not confirmed: ${Endpoint}`,
  });
});

it('reads the addresses of images', () => {
  expect(parseImage('123456789012.dkr.ecr.eu-west-1.amazonaws.com/assets/x:abc')).toEqual({
    account: '123456789012',
    region: 'eu-west-1',
    repository: 'assets/x',
    tag: 'abc',
  });
  expect(parseImage('public.ecr.aws/x/y:1')).toBeUndefined();
});
