/** The budget that all runs of a comparison draw on: a ledger in the store, changed by compare-and-swap. */
import { comparisonKeys } from '../../checkpoints/comparison-keys.ts';
import { decodeJson, encodeJson } from '../../checkpoints/json.ts';
import type { ComparisonSettings } from '../../config/comparison.ts';
import { TransientError } from '../../core/errors.ts';
import {
  type Admission,
  admit,
  emptyLedger,
  type Ledger,
  ledgerSchema,
  type RunSpending,
  settle,
  startTogether,
} from '../../decisions/comparison/admission.ts';
import type { RunResult } from '../../decisions/comparison/design.ts';
import type { ComparisonContext } from './context.ts';
import { readLastProgress } from './run-result.ts';

/** Writers that race for the ledger; each try of one means that another has succeeded. */
const mostTries = 50;

/** The runs of a round that may start now. */
export async function runsToStart(
  { store }: ComparisonContext,
  comparison: string,
  { budget: { hours, usd } }: ComparisonSettings,
  runs: readonly string[],
): Promise<readonly string[]> {
  const key = comparisonKeys.ledger(comparison);
  const stored = await store.get(key);
  return startTogether(stored ? decodeLedger(key, stored.bytes) : emptyLedger, { hours, usd }, runs);
}

/** Sets aside what a run may use, or says why it is not paid for. */
export async function admitToBudget(
  ctx: ComparisonContext,
  comparison: string,
  { budget, parallel = ctx.parallel }: ComparisonSettings,
  run: string,
): Promise<Admission> {
  const { hours, usd } = budget;
  if (hours === undefined && usd === undefined) return { admitted: true, ledger: emptyLedger, allowance: {} };
  return changeLedger(ctx, comparison, (ledger) => {
    const admission = admit(ledger, { budget: { hours, usd }, parallel }, run);
    return { ledger: admission.ledger, result: admission };
  });
}

/** Notes what a finished run has used, in place of what was set aside for it. */
export async function settleBudget(
  ctx: ComparisonContext,
  comparison: string,
  { budget }: ComparisonSettings,
  { run, seconds, usd }: Pick<RunResult, 'run' | 'seconds' | 'usd'>,
): Promise<void> {
  if (budget.hours === undefined && budget.usd === undefined) return;
  const spent = { hours: seconds / 3600, usd };
  await changeLedger(ctx, comparison, (ledger) => ({ ledger: settle(ledger, run, spent), result: undefined }));
}

/**
 * Puts the ledger right when an execution begins: what finished runs have used counts, whether there was a budget then or not, and nothing is set aside for runs that
 * are no longer asked for.
 */
export async function reconcileBudget(
  ctx: ComparisonContext,
  comparison: string,
  { budget }: ComparisonSettings,
  { results, isAwaited }: { readonly results: readonly RunResult[]; isAwaited(run: string): boolean },
): Promise<void> {
  if (budget.hours === undefined && budget.usd === undefined) return;
  const used = results.flatMap(({ run, seconds, usd }): [string, RunSpending][] =>
    seconds > 0 || usd ? [[run, { hours: seconds / 3600, usd }]] : [],
  );
  const finished = new Set(results.map(({ run }) => run));
  const stored = await ctx.store.get(comparisonKeys.ledger(comparison));
  const before = stored ? decodeLedger(comparisonKeys.ledger(comparison), stored.bytes) : emptyLedger;
  const released = Object.keys(before.reserved).filter((run) => finished.has(run) || !isAwaited(run));
  const abandoned = await Promise.all(
    released
      .filter((run) => !finished.has(run))
      .map(async (run): Promise<[string, RunSpending]> => {
        const progress = await readLastProgress(ctx.store, comparisonKeys.run(comparison, run));
        return [run, { hours: (progress?.seconds ?? 0) / 3600, usd: progress?.usd ?? null }];
      }),
  );
  if (used.length === 0 && released.length === 0) return;
  await changeLedger(ctx, comparison, ({ spent, reserved }) => ({
    ledger: {
      spent: { ...spent, ...Object.fromEntries([...used, ...abandoned]) },
      reserved: Object.fromEntries(Object.entries(reserved).filter(([run]) => !released.includes(run))),
    },
    result: undefined,
  }));
}

const decodeLedger = (key: string, bytes: Uint8Array): Ledger =>
  decodeJson(key, bytes, ledgerSchema, 'Delete it: what the runs have used is counted again.');

async function changeLedger<Result>(
  { store }: ComparisonContext,
  comparison: string,
  change: (ledger: Ledger) => { ledger: Ledger; result: Result },
): Promise<Result> {
  const key = comparisonKeys.ledger(comparison);
  for (let tried = 0; tried < mostTries; tried++) {
    const stored = await store.get(key);
    const { ledger, result } = change(stored ? decodeLedger(key, stored.bytes) : emptyLedger);
    const bytes = encodeJson(ledger);
    const written = stored ? store.putIfMatch(key, bytes, stored.etag) : store.putIfAbsent(key, bytes);
    if ((await written) !== undefined) return result;
  }
  throw new TransientError('was written by others again and again', { where: `${store.label}/${key}` });
}
