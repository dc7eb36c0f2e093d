import { encodeJson, readJson } from '../../checkpoints/json.ts';
import { runKeys } from '../../checkpoints/run-keys.ts';
import type { Decision } from '../../decisions/decide.ts';
import type { TaskContext } from '../context.ts';
import { isTakenOver } from '../execution.ts';
import type { FailureInput } from '../messages.ts';
import { isRequested } from '../metering.ts';
import {
  type OutcomeRecord,
  outcomeSchema,
  progressOf,
  readLastCommit,
  readRequest,
  runRecordSchema,
} from '../records.ts';
import { announceFailure } from '../run-events.ts';
import { plainMessage } from '../task-failure.ts';
import { trackEnd } from '../trackers.ts';

/**
 * Notes beside the run which error ended it. Prepare takes an old outcome away once it has checked everything; where one is
 * still there, the run was never touched and ended as it says. Where there is none though the run was begun, another execution
 * may be at it: that Prepare refused to go on is then no failure of the run. An execution that failed because another one has
 * moved the run, and pruned what it was at, leaves the run to that one.
 */
export async function recordFailure(
  ctx: TaskContext,
  failure: FailureInput,
): Promise<{ run: string; decision: Decision }> {
  const { run, error } = failure;
  const reason = plainMessage(error);
  const isTaken = await wasTakenOver(ctx, failure).catch(() => false);
  const outcome = isTaken ? 'running' : 'failed';
  const before = await readJson(ctx.store, runKeys.outcome(run), outcomeSchema).catch(() => undefined);
  const mayNote = before ? before.outcome === 'failed' : await isOurs(ctx, failure);
  if (isTaken) ctx.emit({ type: 'finished', run, outcome, reason });
  else if (mayNote) {
    const at = ctx.now().toISOString();
    const record: OutcomeRecord = { outcome, reason, at, error: { name: error.Error, message: reason } };
    await ctx.store.put(runKeys.outcome(run), encodeJson(record));
    const begun = await readJson(ctx.store, runKeys.record(run), runRecordSchema).catch(() => undefined);
    if (begun) await trackEnd(ctx, run, begun, record);
    ctx.emit({ type: 'finished', run, outcome, reason });
    await tellFailure(ctx, failure, reason);
  } else ctx.emit({ type: 'refused', run, reason });
  return { run, decision: { next: isTaken ? 'leave' : 'finalise', outcome, reason } };
}

/** Tells other systems, with what is known of the run; where nothing of it can be read, of the error alone. */
async function tellFailure(ctx: TaskContext, { run, epoch }: FailureInput, reason: string): Promise<void> {
  if (ctx.service === undefined) return;
  const known = async () => {
    const head = await readLastCommit(ctx.store, run);
    const progress = head && (await progressOf(ctx.store, head));
    return { config: (await readRequest(ctx.store, run)).config, progress };
  };
  const found = await known().catch(() => undefined);
  await announceFailure(ctx, run, { epoch: epoch ?? found?.progress?.epoch ?? 0, reason }, found);
}

/** Whether the run is this execution's: its Prepare is done, or nobody's is and the run was asked for. */
async function isOurs(ctx: TaskContext, { run, execution }: FailureInput): Promise<boolean> {
  if (execution !== undefined) return true;
  return (await ctx.store.get(runKeys.record(run))) === undefined && isRequested(ctx, run);
}

async function wasTakenOver(ctx: TaskContext, { run, execution, epoch }: FailureInput): Promise<boolean> {
  if (execution === undefined || epoch === undefined) return false;
  return isTakenOver(await readLastCommit(ctx.store, run), { execution, epoch });
}
