/** The training job before CollectEpoch: it is ended for good, and what it could not note itself is noted. */
import { messageOf } from '../core/errors.ts';
import { trainingJobName } from './compute.ts';
import type { EndedJob, TaskContext } from './context.ts';
import type { CollectInput, PipelineState } from './messages.ts';
import { noteRestOfJob } from './meter-notes.ts';
import { jobTime } from './task-failure.ts';

/** Notes what a job used by its description; that it can't be noted fails no run. */
export async function noteJobTime(ctx: TaskContext, { error, ...state }: CollectInput): Promise<void> {
  await noteTime(ctx, state, error && jobTime(error, ctx.now()));
}

async function noteTime(ctx: TaskContext, state: PipelineState, time: EndedJob['ran']): Promise<void> {
  if (!time) return;
  await noteRestOfJob(ctx, state, time).catch((failure: unknown) =>
    ctx.emit({ type: 'warning', message: `what the job used could not be noted: ${messageOf(failure)}` }),
  );
}

/**
 * Ends a job that the workflow has given up, so that it does not begin when nobody waits for it, and notes what it used.
 * @returns what was said of it; undefined where it was not given up, or is not known.
 */
export async function endGivenUpJob(
  ctx: TaskContext,
  { error, ...state }: CollectInput,
): Promise<EndedJob | undefined> {
  if (error?.Error !== 'States.Timeout' || !ctx.endJob) return undefined;
  const { compute, execution } = state;
  try {
    const ended = await ctx.endJob({ queue: compute.queue, name: trainingJobName(state), execution });
    await noteTime(ctx, state, ended?.ran);
    return ended;
  } catch (cause) {
    ctx.emit({ type: 'warning', message: `the job could not be ended: ${messageOf(cause)}` });
    return undefined;
  }
}
