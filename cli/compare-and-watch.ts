import { join, relative } from 'node:path';
import { executeComparison } from '../library/compare.ts';
import { comparisonKeys } from '../shared/checkpoints/comparison-keys.ts';
import { loadComparison } from '../shared/config/load-comparison.ts';
import type { Override } from '../shared/config/parse-run-file.ts';
import { shellWord } from '../shared/core/shell-word.ts';
import type { ComparisonFolder } from '../shared/local/comparison-folder.ts';
import type { ComparisonExecution } from '../shared/local/run-comparison.ts';
import { countRuns } from '../shared/pipeline/comparison/check-comparison.ts';
import { readComparisonResult } from '../shared/pipeline/comparison/result.ts';
import { renderComparisonText } from '../shared/reports/comparison/text.ts';
import { print } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { comparisonView } from './views/comparison-view.ts';

/** Does a comparison, or the rest of it, with a view of it; Ctrl-C stops it gently. Returns the exit code. */
export async function compareAndWatch(
  file: string,
  overrides: readonly Override[],
  { json, parallel }: { json: boolean; parallel: number | undefined },
): Promise<number> {
  const { settings: loaded, folder: root } = await loadComparison(file, overrides);
  const settings = parallel === undefined ? loaded : { ...loaded, parallel };
  const view = comparisonView({ json, settings, counts: countRuns(settings) });
  const [stop, interrupt] = [new AbortController(), new AbortController()];
  const onSignal = () => {
    if (!stop.signal.aborted) {
      view.show({
        type: 'warning',
        message: 'stopping once the runs under way have committed an epoch (again to stop after their step)',
      });
      stop.abort();
    } else if (!interrupt.signal.aborted) {
      view.show({
        type: 'warning',
        message: 'stopping once the runs under way have done their step (again to end the processes by force)',
      });
      interrupt.abort();
    } else {
      // The processes of the runs end with this one. Exiting while native code computes may abort instead.
      process.kill(process.pid, 'SIGKILL');
    }
  };
  try {
    const comparison = { settings, folder: root };
    const { execution, folder } = await executeComparison(comparison, file, {
      onEvent: view.show,
      onNote: (line) => process.stderr.write(`note: ${line}\n`),
      onBegin: () => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
      },
      signal: stop.signal,
      interrupt: interrupt.signal,
    });
    return await conclude(execution, folder, {
      json,
      again: [file, ...overrides.flatMap(({ text }) => ['--set', text])],
    });
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  }
}

async function conclude(
  execution: ComparisonExecution,
  { comparison, store, root }: ComparisonFolder,
  { json, again }: { json: boolean; again: readonly string[] },
): Promise<number> {
  if (execution.status === 'failed') throw execution.error;
  if (execution.status === 'interrupted') {
    process.stderr.write(
      `interrupted; finished runs are kept. Go on with: npx tempbalance compare ${again.map(shellWord).join(' ')}\n`,
    );
    return exitCodes.interrupted;
  }
  if (json) return exitCodes.done;
  const result = await readComparisonResult(store, comparison);
  const at = (key: string) => relative(process.cwd(), join(root, key));
  print(`\n${renderComparisonText(result)}\n`);
  print(`report    ${at(comparisonKeys.report(comparison))}`);
  for (const { file: winner } of result.winners) print(`run file  ${at(comparisonKeys.winner(comparison, winner))}`);
  print(`result    ${at(comparisonKeys.judged(comparison))}`);
  return exitCodes.done;
}
