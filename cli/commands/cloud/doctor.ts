import { type CliCommand, jsonOption, print } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { describeFindings } from '../../findings.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

export const doctorCommand: CliCommand<DeploymentOptions & { json?: boolean }> = {
  usage: 'doctor',
  description: 'check identity, stack, bucket, rule, state machines, queues, quotas, images, budget and who is told',
  examples: ['npx tempbalance cloud doctor', 'npx tempbalance cloud doctor --region eu-central-1 --json'],
  options: [...deploymentOptions(), jsonOption('print a list of objects')],
  async run(_positional, { json, ...name }) {
    const { examine } = await import('../../../shared/cloud/doctor.ts');
    const findings = await examine(name);
    print(json ? JSON.stringify(findings, null, 2) : describeFindings(findings));
    return findings.some(({ result }) => result === 'problem') ? exitCodes.failed : exitCodes.done;
  },
};
