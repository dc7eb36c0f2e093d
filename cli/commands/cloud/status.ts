import type { CloudRunLine, CloudRunStatus } from '../../../shared/cloud/run-status.ts';
import { formatTable } from '../../../shared/core/table.ts';
import { formatDuration, formatNumber, formatUsd } from '../../../shared/reports/format.ts';
import { type CliCommand, jsonOption, print } from '../../command.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

export const statusCommand: CliCommand<DeploymentOptions & { json?: boolean }> = {
  usage: 'status [run]',
  description: 'list the runs of a deployment, or say how one stands',
  examples: ['tempbalance cloud status', 'tempbalance cloud status burgers-1f3a9c0d2b4e --json'],
  options: [...deploymentOptions(), jsonOption('print an object, or a list of them')],
  async run([given], { json, ...deployment }) {
    const { openCloud } = await import('../../../shared/cloud/open-cloud.ts');
    const { cloudRuns, cloudRunStatus } = await import('../../../shared/cloud/run-status.ts');
    const { findCloudRun } = await import('../../../shared/cloud/runs.ts');
    const cloud = await openCloud(deployment);
    if (given === undefined) {
      const lines = await cloudRuns(cloud);
      if (json) print(JSON.stringify(lines, null, 2));
      else
        print(
          lines.length === 0 ? `no runs in s3://${cloud.bucket}/runs/` : formatTable([heading, ...lines.map(rowOf)]),
        );
      return 0;
    }
    const status = await cloudRunStatus(cloud, await findCloudRun(cloud, given));
    print(json ? JSON.stringify(status, null, 2) : formatTable(rowsOf(status)));
    return 0;
  },
};

const heading = ['run', 'state', 'epoch', 'metric', 'best', 'at epoch', 'time', 'cost'];

function rowOf(line: CloudRunLine): string[] {
  if ('unreadable' in line) return [line.run, 'unreadable', '', line.unreadable.split('\n')[0]!];
  const { run, state, epoch, epochs, metric, best, seconds, usd } = line;
  const progress = `${epoch ?? '-'}/${epochs}`;
  const value = formatNumber(best?.value ?? null);
  return [run, state, progress, metric, value, String(best?.epoch ?? '-'), formatDuration(seconds), formatUsd(usd)];
}

function rowsOf(status: CloudRunStatus): string[][] {
  const { run, state, reason, epoch, epochs, metric, best, seconds, usd, execution, machine, budget, error } = status;
  const left = budget.secondsLeft === null ? 'no limit' : `${formatDuration(Math.max(0, budget.secondsLeft))} left`;
  const interruptions = machine?.interruptions ? `, ${machine.interruptions} interruptions` : '';
  return [
    ['run', run],
    ['state', [state, reason].filter(Boolean).join(', ')],
    ['epoch', `${epoch ?? '-'}/${epochs}`],
    ['best', best ? `${metric} ${formatNumber(best.value)} at epoch ${best.epoch}` : '-'],
    ['time', `${formatDuration(seconds)}, ${left}`],
    ['cost', formatUsd(usd)],
    [
      'machine',
      machine ? `${machine.target}, ${machine.market === 'spot' ? 'Spot' : 'on-demand'}${interruptions}` : '-',
    ],
    [
      'execution',
      execution ? `${execution.name}, ${execution.status}${execution.at ? `, ${execution.at}` : ''}` : 'none',
    ],
    ...(execution ? [['console', execution.console]] : []),
    ['files', status.address],
    ...(error ? [['error', error]] : []),
  ];
}
