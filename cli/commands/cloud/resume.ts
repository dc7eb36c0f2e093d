import { type CliCommand, print, setOption } from '../../command.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

export const resumeCommand: CliCommand<DeploymentOptions & { set: string[] }> = {
  usage: 'resume <run>',
  description: 'go on in the cloud with a run that failed, was stopped or has ended, from its last commit',
  examples: [
    'tempbalance cloud resume burgers-1f3a9c0d2b4e',
    'tempbalance cloud resume burgers-1f3a9c0d2b4e --set training.epochs=80',
  ],
  options: [setOption(), ...deploymentOptions()],
  async run([given], { set, ...deployment }) {
    const { openCloud } = await import('../../../shared/cloud/open-cloud.ts');
    const { findCloudRun, nameOf } = await import('../../../shared/cloud/runs.ts');
    const { resumeRun } = await import('../../../shared/cloud/resume-run.ts');
    const cloud = await openCloud(deployment);
    const run = await findCloudRun(cloud, given!);
    const { how, name } = await resumeRun(cloud, run, set, new Date());
    print(
      how === 'redriven'
        ? `execution ${name} goes on where it ended`
        : `execution ${name} goes on from the last commit`,
    );
    print(`  tempbalance cloud watch ${nameOf(run)}`);
    return 0;
  },
};
