import { Option } from 'commander';
import { type CliCommand, parallelOption, print, setOption } from '../../command.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

interface Options extends DeploymentOptions {
  readonly set: string[];
  readonly parallel?: number;
  readonly name?: string;
}

export const compareInCloudCommand: CliCommand<Options> = {
  usage: 'compare [compare-file]',
  description:
    'send a compare file with its data and weights and start the comparison, or go on with it (default: compare.yaml)',
  examples: [
    'npx tempbalance cloud compare burgers-compare.yaml',
    'npx tempbalance cloud compare compare.yaml --parallel 20 --set training.epochs=10 --name short',
  ],
  options: [
    new Option('--name <name>', "name of the comparison (default: the compare file's)"),
    setOption(),
    parallelOption(),
    ...deploymentOptions(),
  ],
  async run([file = 'compare.yaml'], { set, parallel, name, ...deployment }) {
    const { parseOverride } = await import('../../../shared/config/parse-run-file.ts');
    const { openCloud } = await import('../../../shared/cloud/open-cloud.ts');
    const { compare } = await import('../../../shared/cloud/compare.ts');
    const { compareMachine } = await import('../../../shared/cloud/comparisons.ts');
    const { consoleAddress, executionArn } = await import('../../../shared/cloud/executions.ts');
    const { nameOf } = await import('../../../shared/cloud/runs.ts');
    const overrides = set.map(parseOverride);
    const cloud = await openCloud(deployment);
    const started = await compare(
      cloud,
      { file, overrides, name, parallel },
      {
        uploaded: (what, { address, sent }) => print(`${what.padEnd(22)} ${address}${sent ? '' : '  (was there)'}`),
        warn: (message) => print(`note: ${message}`),
      },
    );
    const short = nameOf(started.comparison);
    const arn = executionArn({ stateMachine: compareMachine(cloud) }, started.execution);
    print(`${'comparison'.padEnd(22)} ${short}${started.number > 1 ? `  (goes on: execution ${started.number})` : ''}`);
    print(`${'runs'.padEnd(22)} ${started.runs}, unless values are extended`);
    print(`${'console'.padEnd(22)} ${consoleAddress({ arn })}\n`);
    for (const next of ['watch', 'status', 'fetch']) print(`  npx tempbalance cloud ${next} ${short}`);
    return 0;
  },
};
