import type { Manifest } from '../checkpoints/manifest.ts';
import type { RunConfig } from '../config/run-file.ts';
import type { Market, Target } from '../decisions/compute.ts';
import type { JobPrice, Spent } from '../decisions/spending.ts';
import { attemptSeconds, jobStateSeconds } from '../decisions/task-length.ts';
import type { TaskContext } from './context.ts';
import type { ComputeState, PipelineState } from './messages.ts';
import { profileOfRun } from './run-events.ts';

/** Where the next training job runs, and for how long at most after what is spent. */
export function computeState(
  ctx: TaskContext,
  config: RunConfig,
  where: { target: Target; market: Market; interruptions: number; price?: JobPrice | undefined },
  spent: Spent,
): ComputeState {
  const { target, market, interruptions, price } = where;
  const { queue, definition, waitSeconds } = ctx.computeFor({ target, market });
  const place = { target, market, queue, definition, ...(waitSeconds === undefined ? {} : { waitSeconds }) };
  const limits = limitsOf({ waitSeconds, price }, config, spent);
  return { ...place, ...limits, interruptions, ...(price ? { price } : {}) };
}

/** How long a job may wait in its queue in all where nothing says so: a day. */
const longestWaitSeconds = 86_400;

/** How long the next job may run, and how long the workflow waits for it. */
export function limitsOf(
  { waitSeconds = longestWaitSeconds, price }: { waitSeconds?: number | undefined; price?: JobPrice | undefined },
  { budget }: Pick<RunConfig, 'budget'>,
  spent: Spent,
): Required<Pick<ComputeState, 'attemptSeconds' | 'stateSeconds'>> {
  const seconds = attemptSeconds(spent, budget, price);
  return { attemptSeconds: seconds, stateSeconds: jobStateSeconds(seconds, waitSeconds, spent, budget) };
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
