import { execFileSync, spawnSync } from 'node:child_process';
import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Effect, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hungRequestMs } from '../../functions/lambda.ts';
import { type Access, access as accessTable } from '../../infra/access.ts';
import { endedTag, largeFileBytes } from '../../shared/cloud/ended-run.ts';
import { computeChoices } from '../../shared/cloud/environment.ts';
import { outputNames } from '../../shared/cloud/find-deployment.ts';
import { gpuQuotas } from '../../shared/cloud/gpu-quota.ts';
import { sourceOf } from '../../shared/cloud/logs.ts';
import compareDocument from '../../shared/pipeline/compare.asl.json' with { type: 'json' };
import document from '../../shared/pipeline/pipeline.asl.json' with { type: 'json' };
import { asText, keysByAction, type Properties, propertiesOf, type Statement, statementsByRole } from './policies.ts';
import { appWith, everySetting, fullDocument, removeOutput, synthesize } from './synthesize.ts';

let usual: ReturnType<typeof synthesize>;
let full: ReturnType<typeof synthesize>;
let roles: Map<string, Statement[]>;
let bucket: string;

beforeAll(() => {
  usual = synthesize({}, { bundle: true });
  full = synthesize(everySetting);
  roles = statementsByRole(usual.template);
  bucket = onlyId(usual.template, 'AWS::S3::Bucket', {
    Properties: { VersioningConfiguration: { Status: 'Enabled' } },
  });
});
afterAll(removeOutput);

function onlyId(template: Template, type: string, props: object = {}): string {
  const ids = Object.keys(template.findResources(type, props));
  expect(ids).toHaveLength(1);
  return ids[0]!;
}

/** The place in a document that a deployment fills in. */
const filledIn = (name: string) => `\${${name}}`;

/** The state machine of this name. */
const machineOf = (template: Template, name: string): Properties =>
  propertiesOf(template, 'AWS::StepFunctions::StateMachine').find(({ StateMachineName }) => StateMachineName === name)!;

/** The statements of the one role whose logical id begins so. */
function roleOf(prefix: string): Statement[] {
  const found = [...roles].filter(([id]) => id.startsWith(prefix));
  expect(found.map(([id]) => id)).toHaveLength(1);
  return found[0]![1];
}

describe('the bucket', () => {
  it('is versioned, encrypted, closed to the public, owned by the account, logged, and kept', () => {
    usual.template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      Properties: {
        VersioningConfiguration: { Status: 'Enabled' },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
        LoggingConfiguration: { DestinationBucketName: Match.anyValue() },
        NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
      },
    });
    full.template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Delete',
      Properties: { VersioningConfiguration: { Status: 'Enabled' } },
    });
  });

  it('refuses whatever does not come over TLS, its access logs too', () => {
    const policies = propertiesOf(usual.template, 'AWS::S3::BucketPolicy');
    expect(policies).toHaveLength(2);
    for (const { PolicyDocument } of policies) {
      const denied = PolicyDocument.Statement.filter(({ Effect: effect }: { Effect: string }) => effect === 'Deny');
      expect(denied).toContainEqual(
        expect.objectContaining({
          Action: 's3:*',
          Principal: { AWS: '*' },
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        }),
      );
      const allowed = PolicyDocument.Statement.filter(({ Effect: effect }: { Effect: string }) => effect === 'Allow');
      for (const { Principal } of allowed) expect(Principal).toEqual({ Service: 'logging.s3.amazonaws.com' });
    }
  });

  it('forgets replaced versions, rejected data sets, broken uploads and, where asked, the large files of old runs that have ended', () => {
    const rulesOf = ({ template }: typeof usual) =>
      propertiesOf(template, 'AWS::S3::Bucket').find(({ VersioningConfiguration }) => VersioningConfiguration)!
        .LifecycleConfiguration.Rules;
    expect(rulesOf(usual)).toEqual([
      {
        Id: 'replaced-versions',
        Status: 'Enabled',
        NoncurrentVersionExpiration: { NoncurrentDays: 7 },
        ExpiredObjectDeleteMarker: true,
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 },
      },
      { Id: 'spend', Status: 'Enabled', Prefix: 'spend/', ExpirationInDays: 70 },
      { Id: 'rejected', Status: 'Enabled', Prefix: 'rejected/', ExpirationInDays: 30 },
    ]);
    expect(rulesOf(full)).toContainEqual({
      Id: 'large-files-of-runs',
      Status: 'Enabled',
      Prefix: 'runs/',
      ObjectSizeGreaterThan: largeFileBytes,
      TagFilters: [endedTag],
      ExpirationInDays: 60,
    });
    expect(rulesOf(full).map(({ Prefix }: Properties) => Prefix)).toContain('comparisons/');
  });
});

describe('roles', () => {
  const roleOfTask = (name: string) =>
    name === 'train-epoch'
      ? 'JobsJobRole'
      : `Functions${name.replace(/(^|-)([a-z])/g, (_match, _hyphen, letter: string) => letter.toUpperCase())}Role`;
  const rows: [name: string, row: Access][] = Object.entries(accessTable);

  it.each(rows)('the role of %s has its own keys of the bucket and no others', (name, row) => {
    const keys = (patterns: readonly string[] = []) => patterns.map((pattern) => `/${pattern}`).toSorted();
    const granted = keysByAction(roleOf(roleOfTask(name)), bucket);
    expect(granted).toEqual({
      's3:ListBucket': [''],
      ...(row.read.length > 0 ? { 's3:GetObject': keys(row.read), 's3:GetObjectVersion': keys(row.read) } : {}),
      ...(row.write.length > 0 ? { 's3:PutObject': keys(row.write), 's3:AbortMultipartUpload': keys(row.write) } : {}),
      ...(row.delete ? { 's3:DeleteObject': keys(row.delete) } : {}),
      ...(row.tag ? { 's3:PutObjectTagging': keys(row.tag), 's3:DeleteObjectTagging': keys(row.tag) } : {}),
    });
  });

  it('have no access to the bucket beyond these', () => {
    const withKeys = [...roles].filter(([, statements]) =>
      statements.some(({ actions }) => actions.some((action) => action.startsWith('s3:'))),
    );
    expect(withKeys).toHaveLength(rows.length);
  });

  it('of what runs do reach the runs of a comparison as they reach others', () => {
    const tasks = rows.filter(([, { read, write }]) => [...read, ...write].some((key) => key.startsWith('runs/')));
    expect(tasks.map(([name]) => name)).toContain('train-epoch');
    for (const [name, row] of tasks.filter(([name]) => name !== 'launch')) {
      for (const keys of [row.read, row.write, row.delete ?? []]) {
        const own = keys.filter((key) => key.startsWith('runs/'));
        const compared = keys.filter((key) => key.startsWith('comparisons/*/runs/'));
        expect([name, compared]).toEqual([name, own.map((key) => `comparisons/*/${key}`)]);
      }
    }
  });

  it('name every action, and have all resources only where AWS knows none', () => {
    const without = new Set<string>();
    for (const { actions, resources } of [...roles.values()].flat()) {
      for (const action of actions) expect(action).not.toContain('*');
      if (resources.includes('*')) for (const action of actions) without.add(action);
    }
    expect([...without].toSorted()).toEqual([
      'batch:DescribeJobs',
      'batch:ListJobs',
      'ecr:GetAuthorizationToken',
      'logs:CreateLogDelivery',
      'logs:DeleteLogDelivery',
      'logs:DescribeLogGroups',
      'logs:DescribeResourcePolicies',
      'logs:GetLogDelivery',
      'logs:ListLogDeliveries',
      'logs:PutResourcePolicy',
      'logs:UpdateLogDelivery',
      'xray:GetSamplingRules',
      'xray:GetSamplingTargets',
      'xray:PutTelemetryRecords',
      'xray:PutTraceSegments',
    ]);
  });

  it('of the workflow reaches the functions, queues and definitions of the workflow, and its own successor', () => {
    const statements = roleOf('WorkflowRole');
    const resourcesFor = (action: string) =>
      statements.filter(({ actions }) => actions.includes(action)).flatMap(({ resources }) => resources);
    const functions = resourcesFor('lambda:InvokeFunction');
    expect(functions.map((arn) => /<Functions(\D+?)[0-9A-F]{8}\.Arn>/.exec(arn)?.[1]).toSorted()).toEqual([
      'AnalyseShard',
      'AskApproval',
      'Checkpoint',
      'CollectEpoch',
      'Finalise',
      'PlanAnalysis',
      'Prepare',
      'Publish',
      'RecordFailure',
      'SetRates',
    ]);
    const account = 'arn:<AWS::Partition>:batch:<AWS::Region>:<AWS::AccountId>';
    const submit = resourcesFor('batch:SubmitJob');
    expect(submit.filter((arn) => arn.startsWith('arn:'))).toEqual(
      ['tempbalance-cpu', 'tempbalance-cpu:*', 'tempbalance-gpu', 'tempbalance-gpu:*'].map(
        (name) => `${account}:job-definition/${name}`,
      ),
    );
    const queues = Object.keys(usual.template.findResources('AWS::Batch::JobQueue'));
    expect(submit.filter((arn) => arn.startsWith('<')).toSorted()).toEqual(
      queues.map((id) => `<${id}.JobQueueArn>`).toSorted(),
    );
    expect(resourcesFor('batch:TerminateJob')).toEqual([`${account}:job/*`]);
    expect(resourcesFor('events:PutRule')).toEqual([
      'arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:rule/StepFunctionsGetEventsForBatchJobsRule',
    ]);
    expect(resourcesFor('states:StartExecution')).toEqual([
      'arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:stateMachine:tempbalance',
    ]);
  });

  it('of Prepare may ask for the two quotas of GPU machines, and that of CollectEpoch may end jobs', () => {
    const resourcesFor = (role: string, action: string) =>
      roleOf(role)
        .filter(({ actions }) => actions.includes(action))
        .flatMap(({ resources }) => resources);
    const account = (service: string) => `arn:<AWS::Partition>:${service}:<AWS::Region>:<AWS::AccountId>`;
    expect(resourcesFor('FunctionsPrepareRole', 'servicequotas:GetServiceQuota')).toEqual(
      Object.values(gpuQuotas).map(({ code }) => `${account('servicequotas')}:ec2/${code}`),
    );
    expect(resourcesFor('FunctionsCollectEpochRole', 'batch:TerminateJob')).toEqual([`${account('batch')}:job/*`]);
  });

  it('of comparisons reaches their functions, the executions of runs, and the executions of its own map', () => {
    const statements = roleOf('ComparisonsRole');
    const resourcesFor = (action: string) =>
      statements.filter(({ actions }) => actions.includes(action)).flatMap(({ resources }) => resources);
    const functions = resourcesFor('lambda:InvokeFunction');
    expect(functions.map((arn) => /<Functions(\D+?)[0-9A-F]{8}\.Arn>/.exec(arn)?.[1]).toSorted()).toEqual([
      'AdmitRun',
      'JudgeRuns',
      'PlanRound',
      'RecordComparisonFailure',
      'SettleRun',
    ]);
    const account = (service: string) => `arn:<AWS::Partition>:${service}:<AWS::Region>:<AWS::AccountId>`;
    expect(resourcesFor('states:StartExecution')).toEqual([
      `${account('states')}:stateMachine:tempbalance`,
      `${account('states')}:stateMachine:tempbalance-compare`,
    ]);
    const executions = [
      `${account('states')}:execution:tempbalance:*`,
      `${account('states')}:execution:tempbalance-compare/*`,
      `${account('states')}:execution:tempbalance-compare:*`,
    ];
    expect(resourcesFor('states:DescribeExecution').toSorted()).toEqual(executions.toSorted());
    expect(resourcesFor('states:StopExecution').toSorted()).toEqual(executions.toSorted());
    const rule = `${account('events')}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule`;
    for (const action of ['events:PutTargets', 'events:PutRule', 'events:DescribeRule']) {
      expect(resourcesFor(action)).toEqual([rule]);
    }
    const actions = new Set(
      statements.flatMap(({ actions }) => actions).filter((action) => !/^(logs|xray):/.test(action)),
    );
    expect(actions.size).toBe(7);
  });

  it('are taken on by services for this account only, except by EC2, which says no account', () => {
    const open = propertiesOf(full.template, 'AWS::IAM::Role').flatMap(({ AssumeRolePolicyDocument }) =>
      AssumeRolePolicyDocument.Statement.flatMap(({ Principal, Condition }: Properties) =>
        Condition?.StringEquals?.['aws:SourceAccount'] ? [] : Principal.Service,
      ),
    );
    expect(open.map((service) => asText(service))).toEqual(['ec2.amazonaws.com']);
  });

  it('are within the boundary that the settings name', () => {
    for (const { PermissionsBoundary } of propertiesOf(full.template, 'AWS::IAM::Role')) {
      expect(PermissionsBoundary).toBe(everySetting.permissionsBoundary);
    }
  });
});

describe('functions', () => {
  const functions = () => propertiesOf(usual.template, 'AWS::Lambda::Function');

  it('are those of the design: seventeen, and none that CDK adds for itself', () => {
    expect(
      functions()
        .map(({ PackageType, ImageConfig }) => (PackageType === 'Image' ? ImageConfig.Command[0] : 'zip'))
        .toSorted(),
    ).toEqual([
      'dist/functions/analyse-shard/handler.handler',
      'dist/functions/prepare/handler.handler',
      ...Array.from({ length: 15 }, () => 'zip'),
    ]);
    expect(functions().flatMap(({ Runtime }) => Runtime ?? [])).toEqual(Array.from({ length: 15 }, () => 'nodejs22.x'));
  });

  it('trace, log as JSON for a limited time, run on x86-64 and end', () => {
    for (const { TracingConfig, LoggingConfig, Architectures, Timeout } of functions()) {
      expect(TracingConfig).toEqual({ Mode: 'Active' });
      expect(LoggingConfig).toEqual({ LogFormat: 'JSON', LogGroup: expect.anything() });
      expect(Architectures).toEqual(['x86_64']);
      expect(Timeout).toBeLessThanOrEqual(900);
    }
    for (const { RetentionInDays } of propertiesOf(usual.template, 'AWS::Logs::LogGroup'))
      expect(RetentionInDays).toBe(30);
    for (const { RetentionInDays } of propertiesOf(full.template, 'AWS::Logs::LogGroup'))
      expect(RetentionInDays).toBe(7);
  });

  it('end a little before their states give up on them, and leave time for more than one hung request', () => {
    const tasks: Record<string, { Type: string; Resource?: string; TimeoutSeconds?: number }> = {
      ...document.States,
      ...document.States.AnalyseShards.ItemProcessor.States,
      ...compareDocument.States,
      ...compareDocument.States.Runs.ItemProcessor.States,
    };
    const functionTasks = Object.values(tasks).filter(({ Resource }) => Resource?.endsWith('Arn}'));
    expect(functionTasks).toHaveLength(14);
    const byId = Object.entries(usual.template.findResources('AWS::Lambda::Function'));
    for (const { Resource, TimeoutSeconds } of functionTasks) {
      const name = Resource!.slice(2, -4);
      const [found] = byId.filter(([id]) => id.startsWith(`Functions${name}`));
      const spare = TimeoutSeconds! - found![1].Properties.Timeout;
      expect([name, spare]).toEqual([name, 60]);
    }
    for (const { Timeout } of functions()) expect(3 * hungRequestMs).toBeLessThan(1000 * Timeout);
  });

  it('are called again when Lambda was not ready, or ended them', () => {
    const { Retry } = document.States.Prepare;
    const named = (error: string) => Retry.find(({ ErrorEquals }) => ErrorEquals.includes(error))!;
    for (const error of [
      'Lambda.ResourceConflictException',
      'Lambda.ResourceNotReadyException',
      'Lambda.ClientExecutionTimeoutException',
      'Lambda.Unknown',
      'Sandbox.Timedout',
      'Runtime.ExitError',
    ]) {
      const { IntervalSeconds, MaxAttempts, BackoffRate } = named(error);
      const waits = Array.from({ length: MaxAttempts }, (_, tried) => IntervalSeconds * BackoffRate ** tried);
      expect(waits.at(-1)).toBeGreaterThanOrEqual(60);
    }
    for (const task of [
      'CollectEpoch',
      'PlanAnalysis',
      'SetRates',
      'Checkpoint',
      'Finalise',
      'Publish',
      'RecordFailure',
    ] as const)
      expect(document.States[task].Retry).toEqual(Retry);
    expect(document.States.AnalyseShards.ItemProcessor.States.AnalyseShard.Retry).toEqual(Retry);
    const { PlanRound, JudgeRuns, RecordComparisonFailure, Runs } = compareDocument.States;
    const { AdmitRun, SettleRun } = Runs.ItemProcessor.States;
    for (const task of [PlanRound, JudgeRuns, RecordComparisonFailure, AdmitRun, SettleRun])
      expect(task.Retry).toEqual(Retry);
    const throttled = named('Lambda.TooManyRequestsException');
    expect(throttled.ErrorEquals).toHaveLength(1);
    const { IntervalSeconds, MaxAttempts, BackoffRate } = throttled;
    expect(IntervalSeconds * BackoffRate ** (MaxAttempts - 1)).toBeGreaterThan(120);
  });

  it('have no secrets in their environment, nor have the jobs', () => {
    const variables = [
      ...functions().flatMap(({ Environment }) => Object.entries(Environment.Variables)),
      ...propertiesOf(usual.template, 'AWS::Batch::JobDefinition').flatMap(({ ContainerProperties }) =>
        ContainerProperties.Environment.map(({ Name, Value }: Record<string, unknown>) => [Name, Value]),
      ),
    ];
    expect([...new Set(variables.map(([name]) => name))].toSorted()).toEqual([
      'AWS_REGION',
      'LOG_LEVEL',
      'NODE_OPTIONS',
      'POWERTOOLS_METRICS_NAMESPACE',
      'POWERTOOLS_SERVICE_NAME',
      'TEMPBALANCE_BUCKET',
      'TEMPBALANCE_COMPUTE',
      'TEMPBALANCE_IDEMPOTENCY_TABLE',
      'TEMPBALANCE_INPUT_CACHE',
      'TEMPBALANCE_INPUT_CACHE_GB',
      'TEMPBALANCE_STATE_MACHINE',
      'TEMPBALANCE_TOPIC',
    ]);
    for (const [, value] of variables) expect(asText(value)).not.toMatch(/AKIA|secret|password|token|resolve:/i);
  });

  it('that choose where a job runs are told the four queues, two definitions and what their jobs are counted as, in the form that functions read', () => {
    const told = functions().flatMap(({ Environment }) => Environment.Variables.TEMPBALANCE_COMPUTE ?? []);
    expect(told).toHaveLength(3);
    const choices = JSON.parse(asText(told[0]));
    const queue = (name: string) =>
      expect.stringMatching(new RegExp(`^<Compute${name}Queue[0-9A-F]{8}\\.JobQueueArn>$`));
    const instances = ['g4dn.xlarge', 'g5.xlarge', 'g6.xlarge'];
    const waitSeconds = 12 * 3600;
    const gpu = {
      definition: 'tempbalance-gpu',
      waitSeconds,
      gpuVcpus: 4,
      machine: { kind: 'instance', instances, memoryGb: 12 },
    };
    const cpu = { definition: 'tempbalance-cpu', waitSeconds, machine: { kind: 'fargate', vcpus: 4, memoryGb: 16 } };
    expect(choices).toEqual({
      gpu: { spot: { queue: queue('GpuSpot'), ...gpu }, onDemand: { queue: queue('GpuOnDemand'), ...gpu } },
      cpu: { spot: { queue: queue('CpuSpot'), ...cpu }, onDemand: { queue: queue('CpuOnDemand'), ...cpu } },
    });
    expect(computeChoices({ TEMPBALANCE_COMPUTE: asText(told[0]) })).toEqual(choices);
  });

  it('that choose where a job runs know when its image has no TensorFlow', () => {
    const told = propertiesOf(full.template, 'AWS::Lambda::Function').flatMap(
      ({ Environment }) => Environment.Variables.TEMPBALANCE_COMPUTE ?? [],
    );
    const choices = computeChoices({ TEMPBALANCE_COMPUTE: asText(told[0]) })!;
    expect([choices.gpu.spot.lacks, choices.gpu.onDemand.lacks]).toEqual(['tfjs-node-gpu', 'tfjs-node-gpu']);
    expect(choices.cpu.spot.lacks).toBeUndefined();
  });

  it('in zip files are modules that Node loads and that export a handler', async () => {
    const folders = (await readdir(usual.outdir)).filter((name) => name.startsWith('asset.'));
    const bundles: string[] = [];
    for (const folder of folders) {
      const file = join(usual.outdir, folder, 'index.mjs');
      const found = await access(file).then(
        () => true,
        () => false,
      );
      if (found) bundles.push(file);
    }
    expect(bundles.length).toBeGreaterThan(0);
    for (const file of bundles) {
      const script = `console.log(typeof (await import(${JSON.stringify(file)})).handler)`;
      const env = {
        AWS_REGION: 'us-east-1',
        TEMPBALANCE_BUCKET: 'bucket',
        TEMPBALANCE_IDEMPOTENCY_TABLE: 'table',
      };
      const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', env });
      expect(printed.trim()).toBe('function');
    }
  });

  it('in images and the training jobs are built from sources alone', async () => {
    const folders = (await readdir(usual.outdir)).filter((name) => name.startsWith('asset.'));
    const contexts: string[][] = [];
    for (const folder of folders) {
      const files = await readdir(join(usual.outdir, folder));
      if (files.includes('package.json')) contexts.push(files.toSorted());
    }
    expect(contexts.length).toBeGreaterThan(0);
    for (const files of contexts) {
      expect(files).toEqual([
        '.dockerignore',
        'functions',
        'package-lock.json',
        'package.json',
        'shared',
        'tsconfig.build.json',
        'tsconfig.json',
      ]);
    }
  });
});

describe('training', () => {
  const environments = ({ template }: typeof usual) =>
    propertiesOf(template, 'AWS::Batch::ComputeEnvironment').map(({ ComputeResources }) => ComputeResources);

  it('runs on GPU machines and Fargate, each on Spot and on-demand, and scales to nothing', () => {
    expect(environments(usual).map(({ Type }) => Type)).toEqual(['SPOT', 'EC2', 'FARGATE_SPOT', 'FARGATE']);
    for (const { Type, MinvCpus, MaxvCpus } of environments(usual)) {
      expect(MinvCpus).toBe(Type.startsWith('FARGATE') ? undefined : 0);
      expect(MaxvCpus).toBe(Type.startsWith('FARGATE') ? 16 : 8);
    }
    expect(environments(full).map(({ MaxvCpus }) => MaxvCpus)).toEqual([24, 24, 32, 32]);
  });

  it('takes one-GPU machines of the classes in the settings, and keeps them warm between epochs', () => {
    const machines = environments(full).filter(({ Type }) => !Type.startsWith('FARGATE'));
    expect(machines).toHaveLength(2);
    for (const { InstanceTypes, Ec2Configuration, ScalingPolicy } of machines) {
      expect(InstanceTypes).toEqual(['g6e.2xlarge']);
      expect(Ec2Configuration).toEqual([{ ImageType: 'ECS_AL2023_NVIDIA' }]);
      expect(ScalingPolicy).toEqual({ MinScaleDownDelayMinutes: 45 });
    }
  });

  it('gives up after the waiting limit of Spot or of on-demand, and everywhere on what can never fit', () => {
    const limits = propertiesOf(full.template, 'AWS::Batch::JobQueue').map(({ JobStateTimeLimitActions }) =>
      Object.fromEntries(
        JobStateTimeLimitActions.map(({ Reason, MaxTimeSeconds, State, Action }: Record<string, unknown>) => {
          expect([State, Action]).toEqual(['RUNNABLE', 'CANCEL']);
          return [Reason, MaxTimeSeconds];
        }),
      ),
    );
    const never = {
      'MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE': 600,
      'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT': 600,
    };
    const onSpot = { ...never, 'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY': 1800 };
    const onDemand = { ...never, 'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY': 7200 };
    expect(limits).toEqual([onSpot, onDemand, onSpot, onDemand]);
  });

  it('has machines with encrypted disks, whose credentials containers can not read', () => {
    usual.template.hasResourceProperties('AWS::EC2::LaunchTemplate', {
      LaunchTemplateData: {
        MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
        BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { Encrypted: true } }],
      },
    });
    const newest = { 'Fn::GetAtt': [onlyId(usual.template, 'AWS::EC2::LaunchTemplate'), 'LatestVersionNumber'] };
    const versions = environments(usual).flatMap(({ LaunchTemplate }) => LaunchTemplate?.Version ?? []);
    expect(versions).toEqual([newest, newest]);
  });

  it('runs a job once, without root, with a file system that is read-only where there is scratch space beside it', () => {
    const [gpu, cpu] = propertiesOf(usual.template, 'AWS::Batch::JobDefinition');
    expect(gpu).toMatchObject({
      RetryStrategy: { Attempts: 1 },
      ContainerProperties: {
        ReadonlyRootFilesystem: true,
        User: '1000:1000',
        LinuxParameters: { SharedMemorySize: 2048, InitProcessEnabled: true },
        MountPoints: [
          { ContainerPath: '/scratch', SourceVolume: 'scratch' },
          { ContainerPath: '/var/cache/cuda', SourceVolume: 'cuda-cache' },
          { ContainerPath: '/var/cache/inputs', SourceVolume: 'input-cache' },
        ],
        LogConfiguration: { LogDriver: 'awslogs' },
      },
    });
    expect(gpu!.ContainerProperties.ResourceRequirements).toContainEqual({ Type: 'GPU', Value: '1' });
    expect(gpu!.ContainerProperties.Privileged).toBeUndefined();
    expect(cpu).toMatchObject({ RetryStrategy: { Attempts: 1 }, PlatformCapabilities: ['FARGATE'] });
  });

  it('gives a job what its machine has, less what the system needs, and Fargate the vCPUs that memory comes with', () => {
    const needs = (of: typeof usual) =>
      propertiesOf(of.template, 'AWS::Batch::JobDefinition').map(({ ContainerProperties }) =>
        Object.fromEntries(
          (ContainerProperties.ResourceRequirements as Properties[]).map(({ Type, Value }) => [Type, Number(Value)]),
        ),
      );
    expect(needs(usual)).toEqual([
      { MEMORY: 12 * 1024, VCPU: 4, GPU: 1 },
      { MEMORY: 16 * 1024, VCPU: 4 },
    ]);
    expect(needs(full)).toEqual([
      { MEMORY: 60 * 1024, VCPU: 8, GPU: 1 },
      { MEMORY: 60 * 1024, VCPU: 8 },
    ]);
  });

  it('finds the kernels that CUDA compiled for the jobs before it on the machine', async () => {
    const [gpu] = propertiesOf(usual.template, 'AWS::Batch::JobDefinition');
    const { Volumes, MountPoints, User } = gpu!.ContainerProperties;
    const { Host } = Volumes.find(({ Name }: Properties) => Name === 'cuda-cache');
    const { ContainerPath } = MountPoints.find(({ SourceVolume }: Properties) => SourceVolume === 'cuda-cache');
    const dockerfile = await readFile('functions/train-epoch/Dockerfile', 'utf8');
    expect(dockerfile).toContain(`CUDA_CACHE_PATH=${ContainerPath} `);
    const [owner, group] = User.split(':');
    const [machine] = propertiesOf(usual.template, 'AWS::EC2::LaunchTemplate');
    const setup = asText(machine!.LaunchTemplateData.UserData['Fn::Base64']);
    expect(setup).toMatch(/^Content-Type: multipart\/mixed; boundary=.*\nMIME-Version: 1\.0/);
    expect(setup).toContain(`install --directory --owner ${owner} --group ${group} ${Host.SourcePath}`);
  });

  it('frees the scratch space of jobs that have ended before a warm machine has taken many more', () => {
    const [machine] = propertiesOf(usual.template, 'AWS::EC2::LaunchTemplate');
    const setup = asText(machine!.LaunchTemplateData.UserData['Fn::Base64']);
    expect(setup).toContain('echo ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=10m >> /etc/ecs/ecs.config');
  });

  it('refuses its credentials to the user of jobs, who share its network', () => {
    const [gpu] = propertiesOf(usual.template, 'AWS::Batch::JobDefinition');
    const [owner] = gpu!.ContainerProperties.User.split(':');
    const [machine] = propertiesOf(usual.template, 'AWS::EC2::LaunchTemplate');
    expect(asText(machine!.LaunchTemplateData.UserData['Fn::Base64'])).toContain(
      `iptables --insert OUTPUT --destination 169.254.169.254 --match owner --uid-owner ${owner} --jump REJECT`,
    );
  });

  it('has a public subnet in each of three zones', () => {
    expect(propertiesOf(usual.template, 'AWS::EC2::VPC')[0]!.CidrBlock).toBe('10.73.0.0/16');
    const subnets = propertiesOf(usual.template, 'AWS::EC2::Subnet');
    expect(
      subnets.map(({ CidrBlock, AvailabilityZone, MapPublicIpOnLaunch }) => [
        CidrBlock,
        AvailabilityZone,
        MapPublicIpOnLaunch,
      ]),
    ).toEqual(
      [0, 1, 2].map((zone) => [`10.73.${16 * zone}.0/20`, { 'Fn::Select': [zone, { 'Fn::GetAZs': '' }] }, true]),
    );
    for (const { Subnets } of environments(usual)) expect(Subnets).toHaveLength(3);
    usual.template.hasResourceProperties('AWS::Batch::JobDefinition', {
      ContainerProperties: { NetworkConfiguration: { AssignPublicIp: 'ENABLED' } },
    });
  });

  it('has a network that nothing comes into and that costs nothing: no NAT, no interface endpoint', () => {
    usual.template.resourceCountIs('AWS::EC2::NatGateway', 0);
    usual.template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 0);
    usual.template.resourceCountIs('AWS::EC2::VPCEndpoint', 1);
    usual.template.hasResourceProperties('AWS::EC2::VPCEndpoint', { VpcEndpointType: 'Gateway' });
    const [group, ...others] = propertiesOf(usual.template, 'AWS::EC2::SecurityGroup');
    expect(others).toEqual([]);
    expect(group!.SecurityGroupIngress).toBeUndefined();
    expect(group!.SecurityGroupEgress).toEqual([
      expect.objectContaining({ IpProtocol: 'tcp', FromPort: 443, ToPort: 443, CidrIp: '0.0.0.0/0' }),
    ]);
  });
});

describe('the workflow', () => {
  it('is the document, with a value for each of its names', () => {
    const machine = machineOf(usual.template, 'tempbalance');
    const { DefinitionSubstitutions: values } = machine;
    const names = [...fullDocument.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name!);
    expect(machine.DefinitionString).toBe(fullDocument);
    expect(Object.keys(values).toSorted()).toEqual(names.toSorted());
    expect(asText(values.TrainEpochResource)).toBe('arn:<AWS::Partition>:states:::batch:submitJob.sync');
    expect(asText(values.SuccessorResource)).toBe('arn:<AWS::Partition>:states:::states:startExecution');
    expect(asText(values.AnalyseShardArn)).toMatch(/^<FunctionsAnalyseShard[0-9A-F]{8}\.Arn>$/);
  });

  it.each(['tempbalance', 'tempbalance-compare'])('%s of this project has a value for each of its names', (name) => {
    const { app, stack } = appWith({}, { document: undefined });
    const { template } = app.synth().getStackArtifact(stack.artifactId);
    const machine = machineOf(Template.fromJSON(template), name);
    const names = new Set([...machine.DefinitionString.matchAll(/\$\{(\w+)\}/g)].map(([, found]) => found));
    expect(names.size).toBeGreaterThan(0);
    expect(new Set(Object.keys(machine.DefinitionSubstitutions))).toEqual(names);
  });

  it('and that of comparisons are traced, and logged without the data that goes through them', () => {
    const machines = propertiesOf(usual.template, 'AWS::StepFunctions::StateMachine');
    expect(machines).toHaveLength(2);
    for (const machine of machines) {
      expect(machine).toMatchObject({
        StateMachineType: 'STANDARD',
        TracingConfiguration: { Enabled: true },
        LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: false },
      });
    }
  });

  it('of comparisons starts an execution for every run, by a distributed map with a bound on how many at a time', () => {
    const { DefinitionString, DefinitionSubstitutions: values } = machineOf(usual.template, 'tempbalance-compare');
    const { Runs } = JSON.parse(DefinitionString).States;
    expect(Runs).toMatchObject({
      Type: 'Map',
      ItemsPath: '$.runs',
      MaxConcurrencyPath: '$.parallel',
      ToleratedFailurePercentage: 100,
      ResultPath: null,
      ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' } },
    });
    const { TrainRun } = Runs.ItemProcessor.States;
    expect(TrainRun).toMatchObject({
      Resource: filledIn('TrainRunResource'),
      Parameters: {
        StateMachineArn: filledIn('RunStateMachineArn'),
        'Name.$': '$.execution',
        Input: { 'run.$': '$.child' },
      },
      Catch: [{ ErrorEquals: ['States.ALL'], Next: 'SettleRun' }],
    });
    expect(asText(values.TrainRunResource)).toBe('arn:<AWS::Partition>:states:::states:startExecution.sync:2');
    const machine = 'arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:stateMachine:tempbalance';
    expect(asText(values.RunStateMachineArn)).toBe(machine);
    expect(asText(values.AdmitRunArn)).toMatch(/^<FunctionsAdmitRun[0-9A-F]{8}\.Arn>$/);
  });
});

describe('runs are started', () => {
  it('by data sets that arrive in a profile, with a dead-letter queue for lost events', () => {
    usual.template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.s3'],
        'detail-type': ['Object Created'],
        detail: {
          bucket: { name: [{ Ref: bucket }] },
          object: { key: [{ wildcard: 'datasets/*/*' }], size: [{ numeric: ['>', 0] }] },
        },
      },
      Targets: [
        Match.objectLike({
          Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^FunctionsLaunch'), 'Arn'] },
          DeadLetterConfig: { Arn: Match.anyValue() },
          RetryPolicy: { MaximumRetryAttempts: 8, MaximumEventAgeInSeconds: 21600 },
        }),
      ],
    });
    usual.template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 2,
      DestinationConfig: { OnFailure: { Destination: Match.anyValue() } },
    });
    usual.template.hasResourceProperties('AWS::SQS::Queue', { SqsManagedSseEnabled: true });
  });

  it('by the schedules of the settings, each with its profile and time zone', () => {
    usual.template.resourceCountIs('AWS::Scheduler::Schedule', 0);
    const schedules = propertiesOf(full.template, 'AWS::Scheduler::Schedule');
    expect(
      schedules.map(({ ScheduleExpression, ScheduleExpressionTimezone, Target }) => ({
        ScheduleExpression,
        ScheduleExpressionTimezone,
        input: JSON.parse(Target.Input),
      })),
    ).toEqual([
      {
        ScheduleExpression: 'cron(0 3 ? * MON *)',
        ScheduleExpressionTimezone: 'Europe/Berlin',
        input: { profile: 'burgers', schedule: 'burgers-1', time: '<aws.scheduler.scheduled-time>' },
      },
      {
        ScheduleExpression: 'cron(30 1 1 * ? *)',
        ScheduleExpressionTimezone: 'UTC',
        input: { profile: 'darcy', schedule: 'darcy-2', time: '<aws.scheduler.scheduled-time>' },
      },
    ]);
    for (const { Target } of schedules) expect(Target.DeadLetterConfig.Arn).toBeDefined();
  });

  it('once for an event, by a table that forgets', () => {
    usual.template.hasResourceProperties('AWS::DynamoDB::Table', {
      BillingMode: 'PAY_PER_REQUEST',
      TimeToLiveSpecification: { AttributeName: 'expiration', Enabled: true },
    });
  });
});

describe('people are told', () => {
  it('by an encrypted topic that CloudWatch, Budgets and EventBridge can publish to', () => {
    usual.template.hasResourceProperties('AWS::SNS::Topic', { KmsMasterKeyId: Match.anyValue() });
    const [key] = propertiesOf(usual.template, 'AWS::KMS::Key');
    const [policy] = propertiesOf(usual.template, 'AWS::SNS::TopicPolicy');
    expect(key!.EnableKeyRotation).toBe(true);
    const services = (statements: Properties[], action: string) =>
      statements
        .filter(({ Effect: effect, Action }) => effect === 'Allow' && [Action].flat().includes(action))
        .flatMap(({ Principal }) => Principal.Service ?? [])
        .toSorted();
    const expected = ['budgets.amazonaws.com', 'cloudwatch.amazonaws.com', 'events.amazonaws.com'];
    expect(services(key!.KeyPolicy.Statement, 'kms:Decrypt')).toEqual(expected);
    expect(services(key!.KeyPolicy.Statement, 'kms:GenerateDataKey*')).toEqual(expected);
    expect(services(policy!.PolicyDocument.Statement, 'sns:Publish')).toEqual(expected);
    usual.template.resourceCountIs('AWS::SNS::Subscription', 0);
    full.template.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'team@example.com' });
  });

  it('of failed runs and comparisons, not of stopped ones, stuck jobs, lost events, failing starts and spend', () => {
    const alarms = propertiesOf(full.template, 'AWS::CloudWatch::Alarm');
    const measured = alarms.map(({ MetricName, Metrics, Threshold }) => ({
      what: MetricName ?? Metrics[0].Expression ?? Metrics[0].MetricStat.Metric.MetricName,
      Threshold,
    }));
    expect(measured).toEqual([
      { what: 'ApproximateNumberOfMessagesVisible', Threshold: 0 },
      { what: 'SUM([failed, timedOut])', Threshold: 0 },
      { what: 'SUM([failed, timedOut])', Threshold: 0 },
      { what: 'TriggeredRules', Threshold: 0 },
      { what: 'ApproximateNumberOfMessagesVisible', Threshold: 0 },
      { what: 'Errors', Threshold: 0 },
      { what: `SELECT SUM(SpendUsd) FROM "TempBalance" WHERE "service" = 'team-a'`, Threshold: 12.5 },
    ]);
    for (const { AlarmActions, AlarmDescription, TreatMissingData } of alarms) {
      expect(AlarmActions).toHaveLength(1);
      expect(asText(AlarmDescription)).toMatch(/`npx tempbalance cloud |the queue|its dead-letter queue/);
      expect(TreatMissingData).toBe('notBreaching');
    }
  });

  it('of spend count the runs of this service, not those of others in the account, and so does the dashboard', () => {
    const [{ DashboardBody }] = propertiesOf(full.template, 'AWS::CloudWatch::Dashboard') as [Properties];
    const { widgets } = JSON.parse(asText(DashboardBody));
    const expressions = widgets.flatMap(({ properties }: Properties) =>
      (properties.metrics ?? []).flatMap((metric: Properties[]) => metric[0]?.expression ?? []),
    );
    expect(expressions.filter((text: string) => text.includes('SpendUsd'))).toEqual([
      `SEARCH('{TempBalance,service,run} MetricName="SpendUsd" service="team-a"', 'Sum', 3600)`,
      `SELECT SUM(SpendUsd) FROM "TempBalance" WHERE "service" = 'team-a'`,
    ]);
  });

  it('of a job that blocks its queue, whichever of the four it is', () => {
    const rule = propertiesOf(usual.template, 'AWS::Events::Rule').find(
      ({ EventPattern }) => EventPattern.source[0] === 'aws.batch',
    );
    expect(rule!.EventPattern['detail-type']).toEqual(['Batch Job Queue Blocked']);
    expect(rule!.EventPattern.detail.jobQueue).toHaveLength(4);
  });

  it('of the bill, by what the settings say that it counts', () => {
    const budgetOf = ({ template }: typeof usual) => propertiesOf(template, 'AWS::Budgets::Budget')[0]!;
    expect(budgetOf(usual).Budget).toMatchObject({ BudgetLimit: { Amount: 50, Unit: 'USD' }, TimeUnit: 'MONTHLY' });
    expect(budgetOf(usual).Budget.CostFilters).toEqual({ TagKeyValue: ['user:tempbalance$tempbalance'] });
    expect(budgetOf(full).Budget).toMatchObject({
      BudgetLimit: { Amount: 200 },
    });
    expect(budgetOf(full).Budget.CostFilters).toBeUndefined();
    expect(
      budgetOf(full).NotificationsWithSubscribers.map(({ Notification }: Properties) => [
        Notification.NotificationType,
        Notification.Threshold,
      ]),
    ).toEqual([
      ['ACTUAL', 80],
      ['ACTUAL', 100],
      ['FORECASTED', 100],
    ]);
  });
});

describe('the command line', () => {
  it('finds what it looks for in the stack', () => {
    const { Outputs } = usual.template.toJSON();
    expect(Object.keys(Outputs).sort()).toEqual([...outputNames].sort());
    const logs = Object.keys(usual.template.findResources('AWS::Logs::LogGroup'));
    const sources = logs.flatMap((id) => sourceOf(id) ?? []);
    expect(sources.sort()).toEqual([...Object.keys(accessTable)].sort());
    const rules = Object.keys(usual.template.findResources('AWS::Events::Rule'));
    expect(rules.filter((id) => id.includes('DataSetArrived'))).toHaveLength(1);
    expect(Object.keys(usual.template.findResources('AWS::Batch::JobDefinition'))).toHaveLength(2);
    expect(Object.keys(usual.template.findResources('AWS::Budgets::Budget'))).toHaveLength(1);
  });
});

describe('checks', () => {
  it('let no finding of cdk-nag through that has no reason on record', () => {
    const { app, stack } = appWith({});
    const role = stack.node.findChild('Functions').node.findChild('LaunchRole') as Role;
    role.addToPolicy(new PolicyStatement({ effect: Effect.ALLOW, actions: ['s3:DeleteObject'], resources: ['*'] }));
    role.addToPolicy(new PolicyStatement({ effect: Effect.ALLOW, actions: ['s3:Put*'], resources: ['*'] }));
    expect(() => app.synth()).toThrow('AwsSolutions-IAM5[Action::s3:Put*]');
  });

  it('make the same template for the same settings', () => {
    const again = synthesize(everySetting);
    expect(again.template.toJSON()).toEqual(full.template.toJSON());
  });

  it('by cfn-lint find nothing, where it is installed', async (context) => {
    const { status, stdout } = await lint([usual.templateFile, full.templateFile]);
    if (status === undefined) return context.skip('cfn-lint is not installed here (pip install cfn-lint)');
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });
});

/** W3005 is of `DependsOn` that CDK writes beside a reference. */
async function lint(files: readonly string[]): Promise<{ status: number | undefined; stdout: string }> {
  const options = ['--ignore-checks', 'W3005', '--', ...files];
  for (const [command, ...first] of [['cfn-lint'], ['python3', '-m', 'cfnlint']] as const) {
    if (spawnSync(command, [...first, '--version']).status !== 0) continue;
    const { status, stdout, stderr } = spawnSync(command, [...first, ...options], { encoding: 'utf8' });
    return { status: status ?? 1, stdout: stdout + stderr };
  }
  return { status: undefined, stdout: '' };
}
