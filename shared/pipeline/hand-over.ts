/** A run for which this deployment has no machine goes on in another region. */
import { encodeJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { elapsedSeconds } from '../core/elapsed.ts';
import { messageOf } from '../core/errors.ts';
import type { Decision } from '../decisions/decide.ts';
import type { LeavingRun, TaskContext } from './context.ts';
import type { Handover, OutcomeRecord } from './records.ts';

/**
 * Hands a run over to the deployment in another region, and notes here where it goes on.
 * @param why there is no machine here, in words.
 * @returns the decision that ends this execution, or why the other region can't have the run; neither where there is no such deployment.
 */
export async function handedOver(
  ctx: TaskContext,
  leaving: LeavingRun,
  why: string,
): Promise<{ readonly decision?: Decision; readonly refusal?: string }> {
  if (!ctx.handOver) return {};
  const { run } = leaving;
  try {
    const reason = `${why}: ${await ctx.handOver(leaving)}`;
    ctx.emit({ type: 'warning', message: reason });
    await noteWhere(ctx, run, reason);
    ctx.emit({ type: 'finished', run, outcome: 'running', reason });
    return { decision: { next: 'leave', outcome: 'running', reason } };
  } catch (cause) {
    const refusal = `It was not handed over to another region: ${messageOf(cause)}`;
    ctx.emit({ type: 'warning', message: refusal });
    return { refusal };
  }
}

/** Notes where the run goes on, for those who look for it here. That this can't be written fails no run: it goes on there. */
async function noteWhere(ctx: TaskContext, run: string, reason: string): Promise<void> {
  const record: OutcomeRecord = { outcome: 'running', reason, at: ctx.now().toISOString() };
  try {
    await ctx.store.put(runKeys.outcome(run), encodeJson(record));
  } catch (cause) {
    ctx.emit({ type: 'warning', message: `where the run goes on could not be noted: ${messageOf(cause)}` });
  }
}

/**
 * Since when time counts for a run: an execution that begins now counts what the run waited before it was handed over, until a commit
 * has counted it.
 * @param committed when the last commit was made; undefined before the first.
 */
export function countedFrom(now: Date, handover: Handover | undefined, committed: string | undefined): Date {
  if (!handover) return now;
  const isCounted = committed !== undefined && elapsedSeconds(new Date(handover.at), new Date(committed)) > 0;
  return isCounted ? now : new Date(now.getTime() - 1000 * handover.seconds);
}
