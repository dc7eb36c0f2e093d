import { type CliCommand, print } from '../../command.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

export const stopCommand: CliCommand<DeploymentOptions> = {
  usage: 'stop <run-or-comparison>',
  description: 'stop a run or a comparison; what is committed is kept',
  examples: ['npx tempbalance cloud stop burgers-1f3a9c0d2b4e'],
  options: deploymentOptions(),
  async run([given], deployment) {
    const { openCloud } = await import('../../../shared/cloud/open-cloud.ts');
    const { nameOf } = await import('../../../shared/cloud/runs.ts');
    const { stopRun } = await import('../../../shared/cloud/resume-run.ts');
    const { readHead } = await import('../../../shared/checkpoints/manifest.ts');
    const { targetOf } = await import('./target.ts');
    const cloud = await openCloud(deployment);
    const target = await targetOf(cloud, given!);
    if (target.kind === 'comparison') {
      const { stopComparison } = await import('../../../shared/cloud/comparisons.ts');
      await stopComparison(cloud, target.comparison);
      print('stopped, and so are its runs under way; finished runs and what is committed are kept');
      print(`Go on with it:\n  npx tempbalance cloud resume ${nameOf(target.comparison)}`);
      return 0;
    }
    const { run } = target;
    await stopRun(cloud, run);
    const head = await readHead(cloud.store, run);
    print(head ? `stopped; epoch ${head.epoch}, the last commit, is kept` : 'stopped; nothing was committed yet');
    print(
      `Go on with it there or here:\n  npx tempbalance cloud resume ${nameOf(run)}\n  npx tempbalance cloud fetch ${nameOf(run)} --all`,
    );
    return 0;
  },
};
