import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { buildApp } from '../../infra/build-app.ts';

/** Every value that infra/ has for the workflow document of a run, in a document that names them all. */
export const fullDocument = JSON.stringify({
  StartAt: 'Prepare',
  States: Object.fromEntries(
    [
      'PrepareArn',
      'TrainEpochResource',
      'CollectEpochArn',
      'PlanAnalysisArn',
      'AnalyseShardArn',
      'SetRatesArn',
      'CheckpointArn',
      'FinaliseArn',
      'AskApprovalArn',
      'AskApprovalResource',
      'PublishArn',
      'RecordFailureArn',
      'SuccessorResource',
    ].map((name, index, names) => [
      index === 0 ? 'Prepare' : name,
      {
        Type: 'Task',
        Resource: `\${${name}}`,
        TimeoutSeconds: 60,
        ...(index === names.length - 1 ? { End: true } : { Next: names[index + 1] }),
      },
    ]),
  ),
});

/** Settings that ask for everything. */
export const everySetting = {
  name: 'team-a',
  gpuClasses: ['g6e'],
  gpuSize: '2xlarge',
  maxGpus: 3,
  maxVcpus: 32,
  cpuMemoryGb: 60,
  waitingLimitMinutes: 30,
  onDemandWaitingLimitHours: 2,
  queueLimitHours: 24,
  scaleDownDelayMinutes: 45,
  functionMemoryMb: 4096,
  notificationEmail: 'team@example.com',
  monthlyBudgetUsd: 200,
  budgetScope: 'account',
  hourlySpendAlarmUsd: 12.5,
  ceiling: { usd: 300, per: 'day' },
  schedules: [
    { profile: 'burgers', cron: '0 3 ? * MON *', timezone: 'Europe/Berlin' },
    { profile: 'darcy', cron: '30 1 1 * ? *' },
  ],
  retention: { rejectedDays: 10, replacedDays: 3, accessLogDays: 30, runFilesDays: 60 },
  logDays: 7,
  removal: 'destroy',
  images: {
    build: 'docker',
    mirror: '123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub',
    digests: { nodeSlim: `sha256:${'1'.repeat(64)}` },
    tensorflow: false,
  },
  network: {
    vpcId: 'vpc-0a1b2c3d4e5f60718',
    subnetIds: ['subnet-0a1b2c3d4e5f60718', 'subnet-0a1b2c3d4e5f60719'],
    securityGroupIds: ['sg-0a1b2c3d4e5f60718'],
  },
  kmsKeyArn: 'arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9',
  webhook: {
    url: 'https://hooks.example.com/tempbalance',
    secretArn: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:webhook-AbCdEf',
  },
  publishing: {
    s3: 's3://models-of-team-a/tempbalance/',
    huggingface: {
      namespace: 'team-a',
      tokenArn: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:hub-AbCdEf',
      visibility: 'private',
    },
    sagemaker: { group: 'operators', image: '123456789012.dkr.ecr.eu-west-1.amazonaws.com/serve:1' },
  },
  fallbackRegion: 'eu-central-1',
  fallbackKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/9f8e7d6c-5b4a-3928-1706-f5e4d3c2b1a0',
  permissionsBoundary: 'arn:aws:iam::123456789012:policy/bounds',
};

interface Options {
  /** Whether esbuild makes the functions' files, which takes seconds. */
  readonly bundle?: boolean;
  /** Undefined for the project's own. */
  readonly document?: string | undefined;
}

const outdirs: string[] = [];

/** Takes away what was synthesised. */
export function removeOutput(): void {
  for (const outdir of outdirs.splice(0)) rmSync(outdir, { recursive: true, force: true });
}

/** An app in a folder of its own. */
export function appWith(settings: object, options: Options = {}) {
  const { bundle, document } = { bundle: false, document: fullDocument, ...options };
  const outdir = mkdtempSync(join(tmpdir(), 'tempbalance-infra-'));
  outdirs.push(outdir);
  return buildApp({
    outdir,
    ...(document === undefined ? {} : { documents: { run: document } }),
    context: { tempbalance: settings, ...(bundle ? {} : { 'aws:cdk:bundling-stacks': [] }) },
  });
}

/** @throws when cdk-nag or CloudFormation's schemas have a finding. */
export function synthesize(settings: object, options?: Options) {
  const { app, stack } = appWith(settings, options);
  const artifact = app.synth().getStackArtifact(stack.artifactId);
  return {
    template: Template.fromJSON(artifact.template),
    templateFile: artifact.templateFullPath,
    outdir: app.outdir,
  };
}
