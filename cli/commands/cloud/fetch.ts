import { join, relative, resolve } from 'node:path';
import { Option } from 'commander';
import { UserError } from '../../../shared/core/errors.ts';
import { formatCount } from '../../../shared/reports/format.ts';
import { type CliCommand, print } from '../../command.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

export const fetchCommand: CliCommand<DeploymentOptions & { all?: boolean; dataset?: string }> = {
  usage: 'fetch <run-or-comparison> [folder]',
  description:
    'fetch the model and the report of a run into a folder of runs, or the results of a comparison (default: runs, comparisons)',
  examples: [
    'npx tempbalance cloud fetch burgers-1f3a9c0d2b4e',
    'npx tempbalance cloud fetch burgers-1f3a9c0d2b4e --all && npx tempbalance resume burgers-1f3a9c0d2b4e',
    'npx tempbalance cloud fetch burgers-1f3a9c0d2b4e --all --dataset data/target.hdf5',
    'npx tempbalance cloud fetch does-it-help',
  ],
  options: [
    new Option(
      '--all',
      'the whole run with its data set and weights, so that it can go on here; all files of the runs of a comparison',
    ),
    new Option('--dataset <file>', 'with --all: where the data set is on this machine, instead of fetching it'),
    ...deploymentOptions(),
  ],
  async run([given, intoFolder], { all, dataset, ...deployment }) {
    if (dataset !== undefined && !all) {
      throw new UserError('is only for --all: model and report need no data set', { where: `--dataset ${dataset}` });
    }
    const { fileStore } = await import('../../../shared/checkpoints/file-store.ts');
    const { openCloud } = await import('../../../shared/cloud/open-cloud.ts');
    const { nameOf } = await import('../../../shared/cloud/runs.ts');
    const { fetchResults, fetchRun, refuseRunning } = await import('../../../shared/cloud/move.ts');
    const { targetOf } = await import('./target.ts');
    const cloud = await openCloud(deployment);
    const target = await targetOf(cloud, given!);
    const root = resolve(intoFolder ?? (target.kind === 'run' ? 'runs' : 'comparisons'));
    if (target.kind === 'comparison') {
      if (dataset !== undefined) throw new UserError('is for runs', { where: `--dataset ${dataset}` });
      const { fetchComparison } = await import('../../../shared/cloud/fetch-comparison.ts');
      const path = relative(process.cwd(), join(root, nameOf(target.comparison))) || '.';
      const files = await fetchComparison(cloud, target.comparison, { local: fileStore(root), all: all ?? false });
      const isSmall = (file: string) => /^(results|runs)\//.test(file);
      for (const file of files.filter((each) => !isSmall(each))) print(join(path, file));
      print(`and ${formatCount(files.filter(isSmall).length, 'file')} of its runs`);
      return 0;
    }
    const { run } = target;
    const local = { root, run: nameOf(run), store: fileStore(root) };
    const path = relative(process.cwd(), join(root, local.run)) || '.';
    if (!all) {
      for (const file of await fetchResults(cloud, run, local)) print(join(path, file));
      return 0;
    }
    await refuseRunning(cloud, run);
    const { lockRun } = await import('../../../shared/local/run-folder.ts');
    const lock = await lockRun(local, () => new Date());
    try {
      const data = dataset === undefined ? undefined : resolve(dataset);
      await fetchRun(cloud, run, { local, root, dataset: data, now: new Date() });
    } finally {
      await lock.release();
    }
    print(`${path}\n\n  npx tempbalance resume ${path}`);
    return 0;
  },
};
