import { Option } from 'commander';
import { type CliCommand, jsonOption, numberOption, print } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { describeFindings } from '../../findings.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

export const doctorCommand: CliCommand<DeploymentOptions & { json?: boolean; smoke?: boolean; minutes: number }> = {
  usage: 'doctor',
  description: 'check identity, stack, bucket, rule, state machines, queues, quotas, images, budget and who is told',
  examples: [
    'npx tempbalance cloud doctor',
    'npx tempbalance cloud doctor --region eu-central-1 --json',
    'npx tempbalance cloud doctor --smoke',
  ],
  options: [
    ...deploymentOptions(),
    new Option('--smoke', 'also train a step on every queue: says how long it took, and what it cost at most'),
    numberOption('--minutes <n>', 'how long the jobs of --smoke are waited for', {
      integer: true,
      least: 1,
      most: 120,
    }).default(30),
    jsonOption('print a list of objects'),
  ],
  async run(_positional, { json, smoke, minutes, ...name }) {
    const { examine } = await import('../../../shared/cloud/doctor.ts');
    const findings = await examine(name);
    if (smoke) {
      const { smokeDeployment } = await import('../../../shared/cloud/smoke-deployment.ts');
      const stop = new AbortController();
      const onSignal = () => {
        process.stderr.write('ending the jobs and deleting what they left (again to leave them)\n');
        stop.abort();
      };
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
      findings.push(...(await smokeDeployment(name, minutes, stop.signal)));
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
      if (stop.signal.aborted) return exitCodes.interrupted;
    }
    print(json ? JSON.stringify(findings, null, 2) : describeFindings(findings));
    return findings.some(({ result }) => result === 'problem') ? exitCodes.failed : exitCodes.done;
  },
};
