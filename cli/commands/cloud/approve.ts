import { Option } from 'commander';
import { type CliCommand, print } from '../../command.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

export const approveCommand: CliCommand<DeploymentOptions & { reject?: boolean }> = {
  usage: 'approve <run>',
  description: 'have the model of a run published that waits for your answer, or not',
  examples: [
    'npx tempbalance cloud approve burgers-1f3a9c0d2b4e',
    'npx tempbalance cloud approve burgers-1f3a9c0d2b4e --reject',
  ],
  options: [new Option('--reject', 'decline: the model stays where it is'), ...deploymentOptions()],
  async run([given], { reject = false, ...deployment }) {
    const { openCloud } = await import('../../../shared/cloud/open-cloud.ts');
    const { findCloudRun, nameOf } = await import('../../../shared/cloud/runs.ts');
    const { answerApproval } = await import('../../../shared/cloud/approve.ts');
    const { callerIdentity } = await import('../../../shared/cloud/identity.ts');
    const cloud = await openCloud(deployment);
    const run = await findCloudRun(cloud, given!);
    const { arn: by } = await callerIdentity(cloud.region);
    const to = await answerApproval(cloud, run, { approved: !reject, by });
    print(reject ? 'declined: the model stays in the bucket' : `approved: the model is published to ${to}`);
    print(`  npx tempbalance cloud status ${nameOf(run)}`);
    return 0;
  },
};
