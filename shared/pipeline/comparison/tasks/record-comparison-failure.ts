import { comparisonKeys } from '../../../checkpoints/comparison-keys.ts';
import { encodeJson } from '../../../checkpoints/json.ts';
import type { TaskError } from '../../messages.ts';
import { plainMessage } from '../../task-failure.ts';
import type { ComparisonContext } from '../context.ts';
import type { ComparisonOutcome } from '../records.ts';

/** Notes beside a comparison which error ended it; finished runs are kept. */
export async function recordComparisonFailure(
  ctx: ComparisonContext,
  { comparison, error }: { comparison: string; error: TaskError },
): Promise<{ comparison: string; outcome: string }> {
  const reason = plainMessage(error);
  const outcome: ComparisonOutcome = { outcome: 'failed', reason, at: ctx.now().toISOString() };
  await ctx.store.put(comparisonKeys.outcome(comparison), encodeJson(outcome));
  ctx.emit({ type: 'comparisonFailed', comparison, reason });
  return { comparison, outcome: outcome.outcome };
}
