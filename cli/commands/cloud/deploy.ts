import type { CliCommand } from '../../command.ts';
import { regionOption } from './options.ts';

export const deployCommand: CliCommand<{ region?: string }> = {
  usage: 'deploy [cdk-arguments...]',
  description: 'make or renew the service in your AWS account, with the settings in cdk.json (needs Docker)',
  examples: ['npx tempbalance cloud deploy', 'npx tempbalance cloud deploy -- --require-approval never'],
  options: [regionOption()],
  async run(positional, { region }) {
    const { deploy } = await import('../../../shared/cloud/deploy.ts');
    return deploy((positional[0] ?? []) as unknown as string[], region);
  },
};
