import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { buildApp } from '../../infra/build-app.ts';

/** Every value that infra/ has for the workflow document, in a document that names them all. */
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
  maxGpus: 3,
  maxVcpus: 32,
  waitingLimitMinutes: 30,
  scaleDownDelayMinutes: 45,
  functionMemoryMb: 4096,
  notificationEmail: 'team@example.com',
  monthlyBudgetUsd: 200,
  budgetScope: 'tag',
  hourlySpendAlarmUsd: 12.5,
  schedules: [
    { profile: 'burgers', cron: '0 3 ? * MON *', timezone: 'Europe/Berlin' },
    { profile: 'darcy', cron: '30 1 1 * ? *' },
  ],
  retention: { rejectedDays: 10, replacedDays: 3, accessLogDays: 30, runFilesDays: 60 },
  logDays: 7,
  removal: 'destroy',
  permissionsBoundary: 'arn:aws:iam::123456789012:policy/bounds',
};

/** An app in a folder of its own. @param bundle whether esbuild makes the functions' files, which takes seconds. */
export function appWith(settings: object, { bundle = false }: { bundle?: boolean } = {}) {
  const outdir = mkdtempSync(join(tmpdir(), 'tempbalance-infra-'));
  return buildApp({
    outdir,
    document: fullDocument,
    context: { tempbalance: settings, ...(bundle ? {} : { 'aws:cdk:bundling-stacks': [] }) },
  });
}

/** @throws when cdk-nag or CloudFormation's schemas have a finding. */
export function synthesize(settings: object, options?: { bundle?: boolean }) {
  const { app, stack } = appWith(settings, options);
  const artifact = app.synth().getStackArtifact(stack.artifactId);
  return {
    template: Template.fromJSON(artifact.template),
    templateFile: artifact.templateFullPath,
    outdir: app.outdir,
  };
}
