import type { Manifest } from '../checkpoints/manifest.ts';
import type { RunConfig } from '../config/run-file.ts';
import { elapsedSeconds } from '../core/elapsed.ts';
import type { Market, Target } from '../decisions/compute.ts';
import { type JobPrice, type Spent, shortestAttemptSeconds } from '../decisions/spending.ts';
import { attemptSeconds, jobStateSeconds, withinHours } from '../decisions/task-length.ts';
import type { TaskContext } from './context.ts';
import type { ComputeState, PipelineState } from './messages.ts';
import { profileOfRun } from './run-events.ts';

/** Where the next training job runs, and for how long at most after what is spent. */
export function computeState(
  ctx: TaskContext,
  config: RunConfig,
  where: { target: Target; market: Market; interruptions: number; price?: JobPrice | undefined },
  spent: SpentUntil,
): ComputeState {
  const { target, market, interruptions, price } = where;
  const { queue, definition, waitSeconds } = ctx.computeFor({ target, market });
  const place = { target, market, queue, definition, ...(waitSeconds === undefined ? {} : { waitSeconds }) };
  const limits = limitsOf({ waitSeconds, price }, config, spent, ctx.now);
  return { ...place, ...limits, interruptions, ...(price ? { price } : {}) };
}

/** How long a job may wait in its queue in all where nothing says so: a day. */
const longestWaitSeconds = 86_400;

/** The sums spent, and the time until which they are counted. */
export interface SpentUntil extends Spent {
  readonly until: Date;
}

/**
 * How long the next job may run, how long the workflow waits for it and, where it may wait in a queue, when it has to end so that the hours of
 * the budget are not exceeded: waiting counts.
 */
export function limitsOf(
  { waitSeconds, price }: { waitSeconds?: number | undefined; price?: JobPrice | undefined },
  { budget }: Pick<RunConfig, 'budget'>,
  before: SpentUntil,
  now: () => Date,
): Required<Pick<ComputeState, 'attemptSeconds' | 'stateSeconds'>> & Pick<ComputeState, 'endsAt'> {
  const limit = attemptSeconds(before, budget, price);
  if (waitSeconds === undefined || budget.hours === undefined) {
    const wait = waitSeconds ?? longestWaitSeconds;
    return { attemptSeconds: limit, stateSeconds: jobStateSeconds(limit, wait, before, budget) };
  }
  const from = now();
  const spent = { ...before, seconds: before.seconds + elapsedSeconds(before.until, from) };
  const { job, state } = withinHours(spent, budget.hours);
  const seconds = Math.max(shortestAttemptSeconds, Math.min(limit, job));
  return {
    attemptSeconds: seconds,
    stateSeconds: Math.min(jobStateSeconds(seconds, waitSeconds, spent, budget), state),
    endsAt: new Date(from.getTime() + 1000 * job).toISOString(),
  };
}

/** The name of the job under way, as the document writes it. */
export const trainingJobName = ({ job, epoch }: Pick<PipelineState, 'job' | 'epoch'>): string =>
  `${job.name}-epoch-${epoch}-try-${job.try}`;

/** Since when time counts for the next commit: the last one, or the start of this execution if that was later. */
export function sinceCommit({ startedAt }: { startedAt: string }, head: Manifest | undefined): Date {
  return new Date(Math.max(Date.parse(startedAt), head ? Date.parse(head.committedAt) : 0));
}

/** What jobs are tagged with, so that the bill can be split: the run, after the comparison that it is of, and its profile. */
export function costTags(run: string, config: Pick<RunConfig, 'dataset'>): { tag: string; profile: string } {
  const name = run.replace(/^(?:runs|comparisons)\//, '').replace('/runs/', '/');
  return { tag: asTag(name), profile: asTag(profileOfRun(config) ?? 'none') };
}

/** The characters, and the length, that the value of a tag may have. */
const asTag = (text: string) => text.replace(/[^\p{L}\p{N} _.:/=+@-]/gu, '-').slice(0, 256);

/** The run's name with the characters that the names of jobs and executions may have, and room for what is added. */
export const jobName = (run: string): string =>
  run
    .split('/')
    .at(-1)!
    .replace(/[^A-Za-z0-9_-]/g, '-')
    .replace(/^[^A-Za-z0-9]*/, '')
    .slice(0, 40) || 'run';
