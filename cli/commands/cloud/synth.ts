import type { CliCommand } from '../../command.ts';

export const synthCommand: CliCommand<object> = {
  usage: 'synth [cdk-arguments...]',
  description: 'write the templates of what `deploy` makes to cdk.out; needs no account, network or Docker',
  examples: ['npx tempbalance cloud synth', 'npx tempbalance cloud synth -- -c tempbalance=\'{ "maxGpus": 2 }\''],
  options: [],
  async run(positional) {
    const { synthesize } = await import('../../../shared/cloud/deploy.ts');
    return synthesize((positional[0] ?? []) as unknown as string[]);
  },
};
