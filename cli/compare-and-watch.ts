import { join, relative } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import { comparisonKeys } from '../shared/checkpoints/comparison-keys.ts';
import { sweepScratch } from '../shared/checkpoints/file-store.ts';
import type { ComparisonSettings } from '../shared/config/comparison.ts';
import { loadComparison } from '../shared/config/load-comparison.ts';
import type { Override } from '../shared/config/parse-run-file.ts';
import { UserError } from '../shared/core/errors.ts';
import { shellWord } from '../shared/core/shell-word.ts';
import { threadsAllowed } from '../shared/core/threads.ts';
import { type ComparisonFolder, comparisonIn } from '../shared/local/comparison-folder.ts';
import { type ComparisonExecution, runComparison } from '../shared/local/run-comparison.ts';
import { lockRun } from '../shared/local/run-folder.ts';
import { openRunPool } from '../shared/local/run-pool.ts';
import { beginComparison } from '../shared/pipeline/comparison/begin.ts';
import { checkComparison, countRuns } from '../shared/pipeline/comparison/check-comparison.ts';
import type { ComparisonContext, ComparisonEvent } from '../shared/pipeline/comparison/context.ts';
import { digestsOf, inputsOf } from '../shared/pipeline/comparison/inputs.ts';
import { readComparisonResult } from '../shared/pipeline/comparison/result.ts';
import { openedOnce } from '../shared/pipeline/resources.ts';
import { renderComparisonText } from '../shared/reports/comparison/text.ts';
import { print } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { localPath } from './local-path.ts';
import { comparisonView } from './views/comparison-view.ts';

/** Does a comparison, or the rest of it, with a view of it; Ctrl-C stops it gently. Returns the exit code. */
export async function compareAndWatch(
  file: string,
  overrides: readonly Override[],
  { json, parallel }: { json: boolean; parallel: number | undefined },
): Promise<number> {
  const { settings: loaded, folder: root } = await loadComparison(file, overrides);
  const settings = parallel === undefined ? loaded : { ...loaded, parallel };
  refuseUnpriced(settings, file);
  const folder = comparisonIn(root, settings.name);
  const view = comparisonView({ json, settings, counts: countRuns(settings) });
  const warn = (message: string) => view.show({ type: 'warning', message });
  const { planWorkload } = openedOnce({ localPath, warn });
  const rows = await checkComparison(settings, { planWorkload }, warn);
  const data = await digestsOf(settings, localPath);
  const lock = await lockRun({ ...folder, run: folder.comparison }, () => new Date());
  try {
    const { executions } = await beginComparison(folder.store, folder.comparison, settings, { data, rows });
    await sweepScratch(root);
    const fetched = await pathsOf(inputsOf(settings).map(({ path }) => path));
    const execution = await run(folder, settings, { number: executions, inputs: fetched, show: view.show });
    return await conclude(execution, folder, {
      json,
      again: [file, ...overrides.flatMap(({ text }) => ['--set', text])],
    });
  } finally {
    await lock.release();
  }
}

/** @throws UserError when dollars are to be counted by a price that is not known. */
function refuseUnpriced({ budget }: ComparisonSettings, file: string): void {
  if (budget.usd === undefined || budget.usdPerHour !== undefined) return;
  throw new UserError('budget.usd needs budget.usdPerHour, the price of an hour of this machine', {
    where: file,
    remedy:
      'Give it, or limit the hours: budget: { hours: 2 }. A deployed comparison is metered by the prices of its region.',
  });
}

/** Where inputs in S3 were fetched to. */
async function pathsOf(addresses: readonly string[]): Promise<Record<string, string>> {
  const elsewhere = addresses.filter((address) => address.startsWith('s3://'));
  const paths = await Promise.all(elsewhere.map(async (address) => [address, await localPath(address)] as const));
  return Object.fromEntries(paths);
}

/** As many runs at a time as there are threads for. */
export const usualParallel = (threads: number): number => Math.max(1, Math.floor(threadsAllowed() / threads));

async function run(
  { comparison, store, root }: ComparisonFolder,
  settings: ComparisonSettings,
  options: {
    readonly number: number;
    readonly inputs: Readonly<Record<string, string>>;
    readonly show: (event: ComparisonEvent) => void;
  },
): Promise<ComparisonExecution> {
  const { number, inputs, show } = options;
  const { threads, parallel = usualParallel(threads) } = settings;
  const pool = openRunPool({ processes: parallel, threads });
  const warned = new Set<string>();
  let stopping = false;
  const onSignal = () => {
    if (stopping) {
      process.stderr.write('stopped; finished runs are kept. The same command goes on with the others.\n');
      process.exit(exitCodes.interrupted);
    }
    stopping = true;
    show({
      type: 'warning',
      message: 'stopping once the runs under way have committed an epoch (again to stop at once)',
    });
    pool.stop();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const ctx: ComparisonContext = {
    store,
    now: () => new Date(),
    parallel,
    versions: { tempbalance: packageJson.version, node: process.version },
    emit: show,
  };
  try {
    return await runComparison({ comparison, number }, ctx, {
      trainRun: (child) =>
        pool.run({ root, run: child, inputs }, (event) => {
          if (event.type !== 'warning' || warned.has(event.message)) return;
          warned.add(event.message);
          show(event);
        }),
    });
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    await pool.close();
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
