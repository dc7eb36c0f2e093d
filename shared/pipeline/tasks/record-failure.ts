import { encodeJson, readJson } from '../../checkpoints/json.ts';
import { runKeys } from '../../checkpoints/run-keys.ts';
import type { TaskContext } from '../context.ts';
import { type OutcomeRecord, outcomeSchema } from '../records.ts';

/**
 * Notes beside the run which error ended it. Prepare takes an old outcome away once it has checked everything; where one is
 * still there, the run was never touched and ended as it says.
 */
export async function recordFailure(
  ctx: TaskContext,
  { run, error }: { run: string; error: { Error: string; Cause?: string | undefined } },
): Promise<{ run: string }> {
  const message = error.Cause ?? error.Error;
  const outcome: OutcomeRecord = {
    outcome: 'failed',
    reason: message,
    at: ctx.now().toISOString(),
    error: { name: error.Error, message },
  };
  const before = await readJson(ctx.store, runKeys.outcome(run), outcomeSchema).catch(() => undefined);
  if (!before || before.outcome === 'failed') await ctx.store.put(runKeys.outcome(run), encodeJson(outcome));
  ctx.emit({ type: 'finished', run, outcome: outcome.outcome, reason: outcome.reason });
  return { run };
}
