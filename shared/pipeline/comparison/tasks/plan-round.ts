import { comparisonKeys } from '../../../checkpoints/comparison-keys.ts';
import { encodeJson } from '../../../checkpoints/json.ts';
import { designOf, runNameOf } from '../../../config/comparison.ts';
import { isAskedFor, type RunResult } from '../../../decisions/comparison/design.ts';
import { nextRuns } from '../../../decisions/comparison/next-runs.ts';
import { reconcileBudget, runsToStart } from '../budget.ts';
import type { ComparisonContext } from '../context.ts';
import type { RoundState } from '../messages.ts';
import { readComparison, readPlans, readResults } from '../records.ts';
import { unfinished } from '../run-result.ts';
import { settle } from './settle-run.ts';

/**
 * Which runs come next, by the results so far. At the beginning of an execution, runs that failed or that the budget did not pay for
 * are tried again; those that are finished never are.
 */
export async function planRound(
  ctx: ComparisonContext,
  { comparison, number, runs: before }: { comparison: string; number: number; runs?: string[] | undefined },
): Promise<RoundState> {
  const { store } = ctx;
  const { settings } = await readComparison(store, comparison);
  const design = designOf(settings);
  const known = await readPlans(store, comparison);
  if (before === undefined) {
    const results = await readResults(store, comparison);
    const isAwaited = (run: string) => known[run] !== undefined && isAskedFor(design, known[run]);
    await reconcileBudget(ctx, comparison, settings, { results, isAwaited });
    await forgetFailures(ctx, comparison, results);
  } else await settleLost(ctx, comparison, before);
  const results = await readResults(store, comparison);
  const { round, runs } = nextRuns(design, results);
  const plans = Object.fromEntries(runs.map((plan) => [runNameOf(plan), plan]));
  await store.put(comparisonKeys.plans(comparison), encodeJson({ ...known, ...plans }));
  ctx.emit({ type: 'round', comparison, round, runs: runs.length, finished: results.length });
  return {
    comparison,
    number,
    runs: [...(await runsToStart(ctx, comparison, settings, Object.keys(plans)))],
    parallel: settings.parallel ?? ctx.parallel,
    decision: {
      next: round === 'judge' ? 'judge' : 'run',
      reason:
        round === 'judge'
          ? 'every run is done'
          : `${runs.length} runs for ${round === 'tuning' ? 'tuning' : 'the test'}`,
    },
  };
}

/** Takes the results of failed and skipped runs away, so that they are done in this execution. */
async function forgetFailures(
  { store }: ComparisonContext,
  comparison: string,
  results: readonly RunResult[],
): Promise<void> {
  for (const { run, status } of results) {
    if (status === 'failed' || status === 'skipped') await store.delete(comparisonKeys.result(comparison, run));
  }
}

/** Runs of the round before whose result could not be noted: they count as failed, and the round is not begun again. */
async function settleLost(ctx: ComparisonContext, comparison: string, runs: readonly string[]): Promise<void> {
  const known = new Set((await readResults(ctx.store, comparison)).map(({ run }) => run));
  for (const run of runs) if (!known.has(run)) await settle(ctx, comparison, run, unfinished);
}
