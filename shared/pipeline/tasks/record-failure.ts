import { encodeJson } from '../../checkpoints/json.ts';
import { runKeys } from '../../checkpoints/run-keys.ts';
import type { TaskContext } from '../context.ts';
import type { OutcomeRecord } from '../records.ts';

/** Notes beside the run which error ended it. */
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
  await ctx.store.put(runKeys.outcome(run), encodeJson(outcome));
  ctx.emit({ type: 'finished', run, outcome: outcome.outcome, reason: outcome.reason });
  return { run };
}
