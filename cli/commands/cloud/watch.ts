import { type CliCommand, jsonOption } from '../../command.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

export const watchCommand: CliCommand<DeploymentOptions & { json?: boolean }> = {
  usage: 'watch <run>',
  description: 'show a run as it goes, until it ends; Ctrl-C ends the watching and not the run',
  examples: ['tempbalance cloud watch burgers-1f3a9c0d2b4e', 'tempbalance cloud watch burgers-1f3a9c0d2b4e --json'],
  options: [...deploymentOptions(), jsonOption('print one JSON event a line')],
  async run([given], { json = false, ...deployment }) {
    const { openCloud } = await import('../../../shared/cloud/open-cloud.ts');
    const { findCloudRun } = await import('../../../shared/cloud/runs.ts');
    const { watchCloud } = await import('../../watch-cloud.ts');
    const cloud = await openCloud(deployment);
    return watchCloud(cloud, await findCloudRun(cloud, given!), json);
  },
};
