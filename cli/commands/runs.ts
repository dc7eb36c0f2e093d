import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { messageOf, UserError } from '../../shared/core/errors.ts';
import { formatTable } from '../../shared/core/table.ts';
import type { RunSummary } from '../../shared/pipeline/run-summary.ts';
import { formatDuration, formatNumber, formatUsd } from '../../shared/reports/format.ts';
import { type CliCommand, jsonOption, print } from '../command.ts';

export const runsCommand: CliCommand<{ json?: boolean }> = {
  usage: 'runs [folder]',
  description: 'list the runs in a folder (default: runs)',
  examples: ['npx tempbalance runs', 'npx tempbalance runs experiments/runs --json'],
  options: [jsonOption('print a list of objects')],
  async run([folder = 'runs'], { json }) {
    const { fileStore } = await import('../../shared/checkpoints/file-store.ts');
    const { listRuns } = await import('../../shared/local/run-folder.ts');
    const { summariseRun } = await import('../../shared/pipeline/run-summary.ts');
    if (!(await stat(folder).catch(() => undefined))?.isDirectory()) {
      throw new UserError('there is no such folder', { where: folder, remedy: 'Give the output.folder of your runs.' });
    }
    const store = fileStore(resolve(folder));
    const summaries: (RunSummary | { run: string; unreadable: string })[] = [];
    for (const run of await listRuns(resolve(folder))) {
      const unreadable = (error: unknown) => ({ run, unreadable: messageOf(error) });
      summaries.push(await summariseRun(store, run).catch(unreadable));
    }
    if (json) print(JSON.stringify(summaries, null, 2));
    else if (summaries.length === 0) print(`no runs in ${join(folder, '')}`);
    else
      print(
        formatTable([
          ['run', 'outcome', 'epoch', 'metric', 'best', 'at epoch', 'time', 'cost'],
          ...summaries.map(rowOf),
        ]),
      );
    return 0;
  },
};

function rowOf(summary: RunSummary | { run: string; unreadable: string }): string[] {
  if ('unreadable' in summary) return [summary.run, 'unreadable', '', summary.unreadable.split('\n')[0]!];
  const { run, outcome, epoch, epochs, metric, best, seconds, usd } = summary;
  return [
    run,
    outcome,
    `${epoch ?? '-'}/${epochs}`,
    metric,
    formatNumber(best?.value ?? null),
    String(best?.epoch ?? '-'),
    formatDuration(seconds),
    formatUsd(usd),
  ];
}
