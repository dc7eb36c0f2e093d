import { join, relative, resolve } from 'node:path';
import { Option } from 'commander';
import { UserError } from '../../../shared/core/errors.ts';
import { type CliCommand, print } from '../../command.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

export const fetchCommand: CliCommand<DeploymentOptions & { all?: boolean; dataset?: string }> = {
  usage: 'fetch <run> [folder]',
  description: 'fetch the model and the report of a run into a folder of runs (default: runs)',
  examples: [
    'tempbalance cloud fetch burgers-1f3a9c0d2b4e',
    'tempbalance cloud fetch burgers-1f3a9c0d2b4e --all && tempbalance resume burgers-1f3a9c0d2b4e',
    'tempbalance cloud fetch burgers-1f3a9c0d2b4e --all --dataset data/target.hdf5',
  ],
  options: [
    new Option('--all', 'the whole run with its data set and weights, so that it can go on here'),
    new Option('--dataset <file>', 'with --all: where the data set is on this machine, instead of fetching it'),
    ...deploymentOptions(),
  ],
  async run([given, folder = 'runs'], { all, dataset, ...deployment }) {
    if (dataset !== undefined && !all) {
      throw new UserError('is only for --all: model and report need no data set', { where: `--dataset ${dataset}` });
    }
    const { fileStore } = await import('../../../shared/checkpoints/file-store.ts');
    const { openCloud } = await import('../../../shared/cloud/open-cloud.ts');
    const { findCloudRun, nameOf } = await import('../../../shared/cloud/runs.ts');
    const { fetchResults, fetchRun, refuseRunning } = await import('../../../shared/cloud/move.ts');
    const cloud = await openCloud(deployment);
    const run = await findCloudRun(cloud, given!);
    const root = resolve(folder);
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
    print(`${path}\n\n  tempbalance resume ${path}`);
    return 0;
  },
};
