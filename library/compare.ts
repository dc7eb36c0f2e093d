import { join, resolve } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import { sweepScratch } from '../shared/checkpoints/file-store.ts';
import type { ComparisonSettings } from '../shared/config/comparison.ts';
import { type LoadedComparison, loadComparison } from '../shared/config/load-comparison.ts';
import { UserError } from '../shared/core/errors.ts';
import { withOptionalPackages } from '../shared/core/optional-packages.ts';
import { threadsAllowed } from '../shared/core/threads.ts';
import { type ComparisonFolder, comparisonIn } from '../shared/local/comparison-folder.ts';
import { type ComparisonExecution, runComparison } from '../shared/local/run-comparison.ts';
import { lockRun } from '../shared/local/run-folder.ts';
import { openRunPool } from '../shared/local/run-pool.ts';
import { beginComparison } from '../shared/pipeline/comparison/begin.ts';
import { checkComparison } from '../shared/pipeline/comparison/check-comparison.ts';
import type { ComparisonContext, ComparisonEvent } from '../shared/pipeline/comparison/context.ts';
import { digestsOf, inputsOf } from '../shared/pipeline/comparison/inputs.ts';
import { readComparisonResult } from '../shared/pipeline/comparison/result.ts';
import { openedOnce } from '../shared/pipeline/resources.ts';
import type { ComparisonResult } from '../shared/reports/comparison/input.ts';
import { localPathOf } from './local-path.ts';
import { overridesOf, type Settings } from './settings.ts';

/** Options of a comparison. */
export interface CompareOptions {
  /** Settings of every run, by dotted keys, such as `{ 'training.epochs': 3 }`. */
  readonly set?: Settings;
  /** Runs at a time; absent: as the file says, or as many as there are threads for. */
  readonly parallel?: number | undefined;
  readonly onEvent?: (event: ComparisonEvent) => void;
  /** Aborted, the comparison ends once the runs under way have committed an epoch; the same call goes on with it. */
  readonly signal?: AbortSignal;
}

/** A comparison that has ended. */
export interface FinishedComparison {
  readonly name: string;
  /** Absolute path of its folder: the report, the result, the winners' run files, the runs. */
  readonly folder: string;
  readonly status: 'done' | 'interrupted';
  /** The result; absent where it was interrupted. */
  readonly result?: ComparisonResult;
}

/** The number of runs at a time for which there are threads. */
export const usualParallel = (threads: number): number => Math.max(1, Math.floor(threadsAllowed() / threads));

/** @throws UserError when dollars are to be counted by a price that is not known. */
function refuseUnpriced({ budget }: ComparisonSettings, file: string): void {
  if (budget.usd === undefined || budget.usdPerHour !== undefined) return;
  throw new UserError('budget.usd needs budget.usdPerHour, the price of an hour of this machine', {
    where: file,
    remedy:
      'Give it, or limit the hours: budget: { hours: 2 }. A deployed comparison is metered by the prices of its region.',
  });
}

/**
 * Does a comparison, or the rest of it. An execution that failed is told in what is returned.
 * @param file that it was loaded from, for messages.
 */
export async function executeComparison(
  { settings, folder: root }: LoadedComparison,
  file: string,
  {
    onEvent,
    onNote,
    onBegin,
    signal,
    interrupt,
  }: {
    readonly onEvent: (event: ComparisonEvent) => void;
    /** Told of what is fetched out of S3. */
    readonly onNote: (line: string) => void;
    /** Told when everything has been checked and no other process can have the comparison. */
    readonly onBegin?: () => void;
    readonly signal?: AbortSignal | undefined;
    /** Aborted, the runs under way end after their step. */
    readonly interrupt?: AbortSignal | undefined;
  },
): Promise<{ readonly execution: ComparisonExecution; readonly folder: ComparisonFolder }> {
  refuseUnpriced(settings, file);
  const folder = comparisonIn(root, settings.name);
  const localPath = (address: string) => localPathOf(address, onNote);
  const warn = (message: string) => onEvent({ type: 'warning', message });
  const { planWorkload } = openedOnce({ localPath, warn });
  const rows = await checkComparison(settings, { planWorkload }, warn);
  const data = await digestsOf(settings, localPath);
  const lock = await lockRun({ ...folder, run: folder.comparison }, () => new Date());
  try {
    onBegin?.();
    const { executions } = await beginComparison(folder.store, folder.comparison, settings, { data, rows });
    await sweepScratch(root);
    const elsewhere = inputsOf(settings).filter(({ path }) => path.startsWith('s3://'));
    const inputs = Object.fromEntries(
      await Promise.all(elsewhere.map(async ({ path }) => [path, await localPath(path)] as const)),
    );
    const execution = await run(folder, settings, { number: executions, inputs, onEvent, signal, interrupt });
    return { execution, folder };
  } finally {
    await lock.release();
  }
}

async function run(
  { comparison, store, root }: ComparisonFolder,
  settings: ComparisonSettings,
  options: {
    readonly number: number;
    readonly inputs: Readonly<Record<string, string>>;
    readonly onEvent: (event: ComparisonEvent) => void;
    readonly signal?: AbortSignal | undefined;
    readonly interrupt?: AbortSignal | undefined;
  },
): Promise<ComparisonExecution> {
  const { number, inputs, onEvent, signal, interrupt } = options;
  const { threads, parallel = usualParallel(threads) } = settings;
  const pool = openRunPool({ processes: parallel, threads });
  const warned = new Set<string>();
  const unheeded = [heed(signal, () => pool.stop()), heed(interrupt, () => pool.interrupt())];
  const ctx: ComparisonContext = {
    store,
    now: () => new Date(),
    parallel,
    versions: { tempbalance: packageJson.version, node: process.version },
    emit: onEvent,
  };
  try {
    return await runComparison({ comparison, number }, ctx, {
      trainRun: (child) =>
        pool.run({ root, run: child, inputs }, (event) => {
          if (event.type !== 'warning' || warned.has(event.message)) return;
          warned.add(event.message);
          onEvent(event);
        }),
    });
  } finally {
    for (const done of unheeded) done();
    await pool.close();
  }
}

/** Acts once a signal is aborted, if it is; returns what ends the waiting. */
function heed(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal?.aborted) act();
  else signal?.addEventListener('abort', act, { once: true });
  return () => signal?.removeEventListener('abort', act);
}

/**
 * Compares settings over many runs: tunes each, repeats with seeds, judges on test data. One that was interrupted goes on.
 * @param compareFile path of a compare file (docs/compare-file.md).
 * @throws UserError when settings or data are wrong; RunError when the comparison failed.
 */
export async function compare(compareFile: string, options: CompareOptions = {}): Promise<FinishedComparison> {
  const { set, parallel, onEvent = () => {}, signal } = options;
  return withOptionalPackages(async () => {
    const { settings, folder: root } = await loadComparison(compareFile, overridesOf(set));
    const loaded = { settings: parallel === undefined ? settings : { ...settings, parallel }, folder: root };
    const onNote = (message: string) => onEvent({ type: 'warning', message });
    const { execution, folder } = await executeComparison(loaded, compareFile, { onEvent, onNote, signal });
    if (execution.status === 'failed') throw execution.error;
    const found = { name: folder.comparison, folder: resolve(join(root, folder.comparison)) };
    if (execution.status === 'interrupted') return { ...found, status: 'interrupted' };
    return { ...found, status: 'done', result: await readComparisonResult(folder.store, folder.comparison) };
  });
}
