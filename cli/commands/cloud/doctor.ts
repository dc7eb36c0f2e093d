import type { Finding } from '../../../shared/cloud/doctor.ts';
import { type CliCommand, jsonOption, print } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

const marks = { ok: 'ok', note: 'note', problem: 'PROBLEM' } as const;

/** A line, and what to do below it. */
function describe({ check, result, found, remedy }: Finding): string {
  const line = `${marks[result].padEnd(8)} ${check.padEnd(20)} ${found}`;
  return remedy === undefined ? line : `${line}\n${' '.repeat(30)}${remedy}`;
}

export const doctorCommand: CliCommand<DeploymentOptions & { json?: boolean }> = {
  usage: 'doctor',
  description: 'check identity, stack, bucket, rule, state machine, GPU quotas, images and budget',
  examples: ['tempbalance cloud doctor', 'tempbalance cloud doctor --region eu-central-1 --json'],
  options: [...deploymentOptions(), jsonOption('print a list of objects')],
  async run(_positional, { json, ...name }) {
    const { examine } = await import('../../../shared/cloud/doctor.ts');
    const findings = await examine(name);
    print(json ? JSON.stringify(findings, null, 2) : findings.map(describe).join('\n'));
    return findings.some(({ result }) => result === 'problem') ? exitCodes.failed : exitCodes.done;
  },
};
