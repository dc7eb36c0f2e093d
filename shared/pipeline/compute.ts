import type { Manifest } from '../checkpoints/manifest.ts';
import type { RunConfig } from '../config/run-file.ts';
import type { Market, Target } from '../decisions/compute.ts';
import type { JobPrice, Spent } from '../decisions/spending.ts';
import { attemptSeconds } from '../decisions/task-length.ts';
import type { TaskContext } from './context.ts';
import type { ComputeState } from './messages.ts';

/** Where the next training job runs, and for how long at most after what is spent. */
export function computeState(
  ctx: TaskContext,
  { budget }: RunConfig,
  where: { target: Target; market: Market; interruptions: number; price?: JobPrice | undefined },
  spent: Spent,
): ComputeState {
  const { target, market, interruptions, price } = where;
  const { queue, definition } = ctx.computeFor({ target, market });
  const limit = attemptSeconds(spent, budget, price);
  return { target, market, queue, definition, attemptSeconds: limit, interruptions, ...(price ? { price } : {}) };
}

/** Since when time counts for the next commit: the last one, or the start of this execution if that was later. */
export function sinceCommit({ startedAt }: { startedAt: string }, head: Manifest | undefined): Date {
  return new Date(Math.max(Date.parse(startedAt), head ? Date.parse(head.committedAt) : 0));
}

/** The run's name with the characters that the names of jobs and executions may have, and room for what is added. */
export const jobName = (run: string): string =>
  run
    .split('/')
    .at(-1)!
    .replace(/[^A-Za-z0-9_-]/g, '-')
    .replace(/^[^A-Za-z0-9]*/, '')
    .slice(0, 40) || 'run';
