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
  settle,
} from '../../decisions/comparison/admission.ts';
import type { RunResult } from '../../decisions/comparison/design.ts';
import type { ComparisonContext } from './context.ts';

/** Writers that race for the ledger; each try of one means that another has succeeded. */
const mostTries = 50;

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

async function changeLedger<Result>(
  { store }: ComparisonContext,
  comparison: string,
  change: (ledger: Ledger) => { ledger: Ledger; result: Result },
): Promise<Result> {
  const key = comparisonKeys.ledger(comparison);
  for (let tried = 0; tried < mostTries; tried++) {
    const stored = await store.get(key);
    const { ledger, result } = change(stored ? decodeJson(key, stored.bytes, ledgerSchema) : emptyLedger);
    const bytes = encodeJson(ledger);
    const written = stored ? store.putIfMatch(key, bytes, stored.etag) : store.putIfAbsent(key, bytes);
    if ((await written) !== undefined) return result;
  }
  throw new TransientError('was written by others again and again', { where: `${store.label}/${key}` });
}
