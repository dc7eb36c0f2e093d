import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'commander';
import { type CliCommand, jsonOption, print } from '../../command.ts';
import { type DeploymentOptions, deploymentOptions } from './options.ts';

const pollMs = 3000;

/** Logs are read again from so long before the last line: they don't arrive in order. */
const overlapMs = 60_000;

export const logsCommand: CliCommand<DeploymentOptions & { follow?: boolean; json?: boolean }> = {
  usage: 'logs <run>',
  description: 'print the logs of a run: of the functions and the training jobs, in the order of time',
  examples: [
    'npx tempbalance cloud logs burgers-1f3a9c0d2b4e',
    'npx tempbalance cloud logs burgers-1f3a9c0d2b4e --follow',
  ],
  options: [
    new Option('--follow', 'go on with new lines until Ctrl-C'),
    ...deploymentOptions(),
    jsonOption('print the lines as they were written'),
  ],
  async run([given], { follow, json, ...deployment }) {
    const { openCloud } = await import('../../../shared/cloud/open-cloud.ts');
    const { findCloudRun } = await import('../../../shared/cloud/runs.ts');
    const { executionsOf } = await import('../../../shared/cloud/executions.ts');
    const { formatLogLine, logGroups, logsClient, readLogs } = await import('../../../shared/cloud/logs.ts');
    const cloud = await openCloud(deployment);
    const run = await findCloudRun(cloud, given!);
    const groups = await logGroups(cloud);
    const client = logsClient(cloud.region);
    const shown = new Set<string>();
    let since = (await executionsOf(cloud, run)).at(-1)?.startedAt ?? new Date(0);
    do {
      for (const line of await readLogs(client, groups, run, since)) {
        if (shown.has(line.id)) continue;
        shown.add(line.id);
        print(json ? line.text : formatLogLine(line));
        since = new Date(Math.max(since.getTime(), line.at.getTime() - overlapMs));
      }
      if (follow) await sleep(pollMs);
    } while (follow);
    if (shown.size === 0) process.stderr.write(`nothing is logged of ${run} yet; lines take some seconds to arrive\n`);
    return 0;
  },
};
