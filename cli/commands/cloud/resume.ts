import { UserError } from '../../../shared/core/errors.ts';
import { type CliCommand, print, setOption } from '../../command.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

export const resumeCommand: CliCommand<DeploymentOptions & { set: string[] }> = {
  usage: 'resume <run-or-comparison>',
  description:
    'go on in the cloud with a run that failed, was stopped or has ended, from its last commit; or with a comparison',
  examples: [
    'npx tempbalance cloud resume burgers-1f3a9c0d2b4e',
    'npx tempbalance cloud resume burgers-1f3a9c0d2b4e --set training.epochs=80',
  ],
  options: [setOption(), ...deploymentOptions()],
  async run([given], { set, ...deployment }) {
    const { openCloud } = await import('../../../shared/cloud/open-cloud.ts');
    const { nameOf } = await import('../../../shared/cloud/runs.ts');
    const { resumeRun } = await import('../../../shared/cloud/resume-run.ts');
    const { targetOf } = await import('./target.ts');
    const cloud = await openCloud(deployment);
    const target = await targetOf(cloud, given!);
    if (target.kind === 'comparison') {
      refuseSettings(set);
      const { resumeComparison } = await import('../../../shared/cloud/compare.ts');
      const { execution } = await resumeComparison(cloud, target.comparison);
      print(`execution ${execution} does what is left of it`);
      print(`  npx tempbalance cloud watch ${nameOf(target.comparison)}`);
      return 0;
    }
    const { run } = target;
    const { how, name } = await resumeRun(cloud, run, set, new Date());
    print(
      how === 'redriven'
        ? `execution ${name} goes on where it ended`
        : `execution ${name} goes on from the last commit`,
    );
    print(`  npx tempbalance cloud watch ${nameOf(run)}`);
    return 0;
  },
};

/** @throws UserError when settings of a comparison are to be changed. */
function refuseSettings(set: readonly string[]): void {
  if (set.length === 0) return;
  throw new UserError('is for runs: a comparison goes on with its compare file', {
    where: `--set ${set[0]}`,
    remedy: 'Change the compare file, and give it to `npx tempbalance cloud compare`.',
  });
}
