import { type CliCommand, jsonOption } from '../../command.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

export const watchCommand: CliCommand<DeploymentOptions & { json?: boolean }> = {
  usage: 'watch <run-or-comparison>',
  description: 'show a run or a comparison as it goes, until it ends; Ctrl-C ends the watching and nothing else',
  examples: [
    'npx tempbalance cloud watch burgers-1f3a9c0d2b4e',
    'npx tempbalance cloud watch burgers-1f3a9c0d2b4e --json',
  ],
  options: [...deploymentOptions(), jsonOption('print one JSON event a line')],
  async run([given], { json = false, ...deployment }) {
    const { openCloud } = await import('../../../shared/cloud/open-cloud.ts');
    const { watchCloud } = await import('../../watch-cloud.ts');
    const { watchComparisonInCloud } = await import('../../watch-comparison-in-cloud.ts');
    const { targetOf } = await import('./target.ts');
    const cloud = await openCloud(deployment);
    const target = await targetOf(cloud, given!);
    return target.kind === 'run'
      ? watchCloud(cloud, target.run, json)
      : watchComparisonInCloud(cloud, target.comparison, json);
  },
};
