import { Option } from 'commander';
import type { SubmissionNews } from '../../../shared/cloud/submit.ts';
import { UserError } from '../../../shared/core/errors.ts';
import { type CliCommand, print, setOption } from '../../command.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

interface Options extends DeploymentOptions {
  readonly set: string[];
  readonly name?: string;
  readonly profile?: string;
  readonly run?: string;
}

export const submitCommand: CliCommand<Options> = {
  usage: 'submit [run-file]',
  description: 'send a run file with its data and weights, and start a run; or go on in the cloud with a run from here',
  examples: [
    'npx tempbalance cloud submit burgers.yaml',
    'npx tempbalance cloud submit burgers.yaml --name low-rate --set training.learningRate=0.0005',
    'npx tempbalance cloud submit --run runs/burgers-20261123-101500',
  ],
  options: [
    new Option('--name <name>', "ends the run's name (default: derived from the data set)"),
    new Option(
      '--profile <name>',
      "the profile to write, and the beginning of the run's name (default: the run file's)",
    ),
    new Option('--run <folder>', 'a run of this machine to go on with, instead of a run file'),
    setOption(),
    ...deploymentOptions(),
  ],
  async run([file], { set, name, profile, run: folder, ...deployment }) {
    if (folder !== undefined && (file !== undefined || name !== undefined || profile !== undefined)) {
      throw new UserError('a run goes on under its own name and settings', {
        where: `--run ${folder}`,
        remedy: 'Leave run file, --name and --profile out; --set changes settings.',
      });
    }
    const { openCloud } = await import('../../../shared/cloud/open-cloud.ts');
    const { consoleAddress, executionArn } = await import('../../../shared/cloud/executions.ts');
    const { nameOf } = await import('../../../shared/cloud/runs.ts');
    const cloud = await openCloud(deployment);
    const tell: SubmissionNews = {
      uploaded: (what, { address, sent }) => print(`${what.padEnd(9)} ${address}${sent ? '' : '  (was there)'}`),
      note: (message) => process.stderr.write(`note: ${message}\n`),
    };
    const start = async () => {
      if (folder !== undefined) return (await import('../../continue-in-cloud.ts')).continueInCloud(cloud, folder, set);
      const { submit } = await import('../../../shared/cloud/submit.ts');
      return submit(cloud, { file: file ?? 'tempbalance.yaml', overrides: set, profile, name }, tell);
    };
    const { run, execution, started } = await start();
    const short = nameOf(run);
    print(`run       ${short}${started ? '' : '  (was there)'}`);
    print(`console   ${consoleAddress({ arn: executionArn(cloud, execution) })}\n`);
    if (!started) print(wasThere);
    for (const next of ['watch', 'status', 'fetch', ...(started ? [] : ['resume'])]) {
      print(`  npx tempbalance cloud ${next} ${short}`);
    }
    return 0;
  },
};

const wasThere =
  'Nothing was started: this run was, before. If it failed or was stopped, resume goes on with it; --name makes another run.\n';
