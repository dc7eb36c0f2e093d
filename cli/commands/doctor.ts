import { type CliCommand, jsonOption, print } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { describeFindings } from '../findings.ts';

export const doctorCommand: CliCommand<{ json?: boolean }> = {
  usage: 'doctor',
  description:
    'try the engines and solvers of this machine; say its memory, processor and versions, and what to install',
  examples: ['npx tempbalance doctor', 'npx tempbalance doctor --json'],
  options: [jsonOption('print an object (docs/engines.md says what is in it)')],
  async run(_positional, { json }) {
    const { examineMachine } = await import('../../shared/local/examine-machine.ts');
    const { machineFindings } = await import('../../shared/local/machine-findings.ts');
    const report = await examineMachine();
    print(json ? JSON.stringify(report, null, 2) : describeFindings(machineFindings(report)));
    return report.canTrain ? exitCodes.done : exitCodes.failed;
  },
};
