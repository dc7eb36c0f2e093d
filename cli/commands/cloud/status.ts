import type { ComparisonLine, ComparisonStatus } from '../../../shared/cloud/comparison-status.ts';
import type { CloudRunLine, CloudRunStatus } from '../../../shared/cloud/run-status.ts';
import { formatTable } from '../../../shared/core/table.ts';
import { formatDuration, formatNumber, formatUsd } from '../../../shared/reports/format.ts';
import { type CliCommand, jsonOption, print } from '../../command.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

export const statusCommand: CliCommand<DeploymentOptions & { json?: boolean }> = {
  usage: 'status [run-or-comparison]',
  description: 'list the runs and comparisons of a deployment, or say how one stands',
  examples: ['npx tempbalance cloud status', 'npx tempbalance cloud status burgers-1f3a9c0d2b4e --json'],
  options: [...deploymentOptions(), jsonOption('print an object, or a list of them')],
  async run([given], { json, ...deployment }) {
    const { openCloud } = await import('../../../shared/cloud/open-cloud.ts');
    const { cloudRuns, cloudRunStatus } = await import('../../../shared/cloud/run-status.ts');
    const { cloudComparisons, comparisonStatus } = await import('../../../shared/cloud/comparison-status.ts');
    const { ceilingStanding, describeCeiling } = await import('../../../shared/costs/ceiling.ts');
    const { targetOf } = await import('./target.ts');
    const cloud = await openCloud(deployment);
    if (given === undefined) {
      const lines = await cloudRuns(cloud);
      const comparisons = await cloudComparisons(cloud);
      if (json) {
        print(JSON.stringify([...lines, ...comparisons], null, 2));
        return 0;
      }
      const isEmpty = lines.length === 0;
      print(isEmpty ? `no runs in s3://${cloud.bucket}/runs/` : formatTable([heading, ...lines.map(rowOf)]));
      if (comparisons.length > 0) print(`\n${formatTable([comparisonHeading, ...comparisons.map(comparisonRowOf)])}`);
      const { ceiling } = cloud;
      if (ceiling) {
        const standing = await ceilingStanding(cloud.store, ceiling, new Date());
        const left = standing.leftUsd! > 0 ? `${standing.leftUsd!.toFixed(2)} USD are left` : 'no new run begins';
        print(`\nceiling: ${describeCeiling(standing, ceiling)}, ${left}`);
      }
      return 0;
    }
    const target = await targetOf(cloud, given);
    if (target.kind === 'comparison') {
      const status = await comparisonStatus(cloud, target.comparison);
      print(json ? JSON.stringify(status, null, 2) : formatTable(comparisonRowsOf(status)));
      return 0;
    }
    const status = await cloudRunStatus(cloud, target.run);
    print(json ? JSON.stringify(status, null, 2) : formatTable(rowsOf(status)));
    return 0;
  },
};

const heading = ['run', 'state', 'epoch', 'metric', 'best', 'at epoch', 'balance', 'rate', 'seed', 'time', 'cost'];

function rowOf(line: CloudRunLine): string[] {
  if ('unreadable' in line) return [line.run, 'unreadable', '', line.unreadable.split('\n')[0]!];
  const { run, state, epoch, epochs, metric, best, balance, learningRate, seed, seconds, usd } = line;
  const progress = `${epoch ?? '-'}/${epochs}`;
  const value = formatNumber(best?.value ?? null);
  const settings = [balance, String(learningRate), String(seed)];
  const at = String(best?.epoch ?? '-');
  return [run, state, progress, metric, value, at, ...settings, formatDuration(seconds), formatUsd(usd)];
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

const comparisonHeading = ['comparison', 'state', 'runs', 'time of runs', 'cost', ''];

/** `12/30, 1 failed` */
function runsOf({ runs }: ComparisonStatus): string {
  const { expected, ...ended } = runs;
  const others = (['diverged', 'failed', 'skipped'] as const).filter((status) => ended[status] > 0);
  const count = ended.done + ended.diverged + ended.failed + ended.skipped;
  return [`${count}/${expected}`, ...others.map((status) => `${ended[status]} ${status}`)].join(', ');
}

function comparisonRowOf(line: ComparisonLine): string[] {
  if ('unreadable' in line) return [line.comparison, 'unreadable', '', '', '', line.unreadable.split('\n')[0]!];
  const { comparison, state, reason, seconds, usd } = line;
  return [comparison, state, runsOf(line), formatDuration(seconds), formatUsd(usd), reason.split('\n')[0]!];
}

function comparisonRowsOf(status: ComparisonStatus): string[][] {
  const { comparison, state, reason, seconds, usd, budget, execution, address } = status;
  const limits = [
    ...(budget.hours === null ? [] : [`${budget.hours} h`]),
    ...(budget.usd === null ? [] : [`${budget.usd} USD`]),
  ];
  return [
    ['comparison', comparison],
    ['state', [state, reason].filter(Boolean).join(', ')],
    ['runs', runsOf(status)],
    ['time of runs', formatDuration(seconds)],
    ['cost', formatUsd(usd)],
    ['budget', limits.join(', ') || 'no limit'],
    ['execution', execution ? `${execution.name}, ${execution.status}` : 'none'],
    ...(execution ? [['console', execution.console]] : []),
    ['files', address],
  ];
}
