import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { messageOf, UserError } from '../../shared/core/errors.ts';
import { formatTable } from '../../shared/core/table.ts';
import type { Unfinished } from '../../shared/local/run-folder.ts';
import type { RunSummary } from '../../shared/pipeline/run-summary.ts';
import { formatDuration, formatNumber, formatUsd } from '../../shared/reports/format.ts';
import { type CliCommand, jsonOption, print } from '../command.ts';

/** A run in a line; `state` tells what has become of one that has no outcome. */
type RunLine =
  | (RunSummary & { readonly state: RunSummary['outcome'] | Unfinished })
  | { readonly run: string; readonly unreadable: string };

const usual = 'runs';

export const runsCommand: CliCommand<{ json?: boolean }> = {
  usage: 'runs [folder]',
  description: 'list the runs in a folder (default: runs): how they stand, what they reached, and by which settings',
  examples: ['npx tempbalance runs', 'npx tempbalance runs experiments/runs --json'],
  options: [jsonOption('print a list of objects')],
  async run([given], { json }) {
    const folder = given ?? usual;
    const lines = await linesOf(folder, given !== undefined);
    if (json) print(JSON.stringify(lines, null, 2));
    else if (lines.length === 0) print(`no runs in ${join(folder, '')} yet; \`npx tempbalance train\` makes one`);
    else
      print(
        formatTable([
          ['run', 'state', 'epoch', 'metric', 'best', 'at epoch', 'balance', 'rate', 'seed', 'time', 'cost'],
          ...lines.map(rowOf),
        ]),
      );
    return 0;
  },
};

/** @throws UserError when a folder that is asked for is none; that there are no runs yet is no mistake. */
async function linesOf(folder: string, isAskedFor: boolean): Promise<RunLine[]> {
  const { fileStore } = await import('../../shared/checkpoints/file-store.ts');
  const { listRuns, stateNow, unfinishedState } = await import('../../shared/local/run-folder.ts');
  const { summariseRun } = await import('../../shared/pipeline/run-summary.ts');
  const found = await stat(folder).catch(() => undefined);
  if (!found && !isAskedFor) return [];
  if (!found?.isDirectory()) {
    throw new UserError(found ? 'is a file, not a folder' : 'there is no such folder', {
      where: folder,
      remedy: 'Give the output.folder of your runs.',
    });
  }
  const root = resolve(folder);
  const store = fileStore(root);
  const lines: RunLine[] = [];
  for (const run of await listRuns(root)) {
    try {
      const summary = await summariseRun(store, run);
      lines.push({ ...summary, state: stateNow(summary.outcome, await unfinishedState({ root, run })) });
    } catch (error) {
      lines.push({ run, unreadable: messageOf(error) });
    }
  }
  return lines;
}

function rowOf(line: RunLine): string[] {
  if ('unreadable' in line) return [line.run, 'unreadable', '', line.unreadable.split('\n')[0]!];
  const { run, state, epoch, epochs, metric, best, balance, learningRate, seed, seconds, usd } = line;
  return [
    run,
    state,
    `${epoch ?? '-'}/${epochs}`,
    metric,
    formatNumber(best?.value ?? null),
    String(best?.epoch ?? '-'),
    balance,
    String(learningRate),
    String(seed),
    formatDuration(seconds),
    formatUsd(usd),
  ];
}
