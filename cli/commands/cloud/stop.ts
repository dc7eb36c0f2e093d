import { type CliCommand, print } from '../../command.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

export const stopCommand: CliCommand<DeploymentOptions> = {
  usage: 'stop <run>',
  description: 'stop a run; its last commit is kept',
  examples: ['tempbalance cloud stop burgers-1f3a9c0d2b4e'],
  options: deploymentOptions(),
  async run([given], deployment) {
    const { openCloud } = await import('../../../shared/cloud/open-cloud.ts');
    const { findCloudRun, nameOf } = await import('../../../shared/cloud/runs.ts');
    const { stopRun } = await import('../../../shared/cloud/resume-run.ts');
    const { readHead } = await import('../../../shared/checkpoints/manifest.ts');
    const cloud = await openCloud(deployment);
    const run = await findCloudRun(cloud, given!);
    await stopRun(cloud, run);
    const head = await readHead(cloud.store, run);
    print(head ? `stopped; epoch ${head.epoch}, the last commit, is kept` : 'stopped; nothing was committed yet');
    print(
      `Go on with it there or here:\n  tempbalance cloud resume ${nameOf(run)}\n  tempbalance cloud fetch ${nameOf(run)} --all`,
    );
    return 0;
  },
};
