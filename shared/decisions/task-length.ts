/** The time limit of a training job, and the number of epochs that it trains. */
import type { ComputeConfig } from './compute.ts';
import type { Budget } from './config.ts';
import {
  closingSeconds,
  endingSeconds,
  type JobPrice,
  type Spent,
  secondsLeft,
  shortestAttemptSeconds,
} from './spending.ts';

/** A job without a budget that runs longer than this hangs. */
const longestAttemptSeconds = 86_400;

/** What a lost machine may cost at most: the time since the last commit is lost, the container's start-up too. */
const longestGroupSeconds = 1800;

/** Seconds that a job takes besides its own time and its wait: pulling its image, ending, and being told of. */
const aroundJobSeconds = 600;

/**
 * How long the workflow waits for a job, in whole seconds: in its queue for `waitSeconds` at most, and while it runs. Waiting counts
 * against a budget in hours, so that it is no longer than what is left of that.
 */
export function jobStateSeconds(
  attempt: number,
  waitSeconds: number,
  { seconds }: Pick<Spent, 'seconds'>,
  { hours }: Pick<Budget, 'hours'>,
): number {
  const left = hours === undefined ? Number.POSITIVE_INFINITY : Math.floor(3600 * hours - seconds);
  return Math.min(waitSeconds + attempt, Math.max(left, shortestAttemptSeconds)) + aroundJobSeconds;
}

/** Seconds of the functions between the decision for a job and its start. */
const betweenSeconds = 15;

/**
 * What a budget in hours leaves for a job that waits in a queue and runs, in whole seconds from now on: until it ends by itself, and until the
 * workflow gives it up, which is early enough that it is killed in time.
 */
export function withinHours(
  { seconds }: Pick<Spent, 'seconds'>,
  hours: number,
): { readonly job: number; readonly state: number } {
  const left = Math.floor(3600 * hours - seconds) - betweenSeconds;
  return { job: Math.max(1, left - closingSeconds), state: Math.max(1, left - endingSeconds) };
}

/** Share of a container's time that its start may take. */
const startShare = 0.1;

/** How long a job may run after what is spent, in whole seconds: what is left of the budget, or a day. */
export function attemptSeconds(spent: Spent, budget: Budget, price?: JobPrice): number {
  const left = Math.floor(secondsLeft(spent, budget, price) + 1e-6);
  return Math.max(shortestAttemptSeconds, Math.min(left, longestAttemptSeconds));
}

/** Whether a job's limit was what was left of a budget, and not a guard against hanging. */
export const isBudgetCap = (seconds: number): boolean => seconds < longestAttemptSeconds;

/**
 * Epochs that a container trains, commits between them included: as many as it is told to or, with `auto`, so many that
 * its start of `startSeconds` is at most a tenth of its time, within what is left of the budget and half an hour. Before
 * the first epoch is measured the task that makes epoch 0 trains it too.
 */
export function epochsPerTask(
  setting: ComputeConfig['epochsPerTask'],
  measured: { startSeconds: number; epochSeconds: number | undefined; secondsLeft: number },
): number {
  if (setting !== 'auto') return setting;
  const { startSeconds, epochSeconds } = measured;
  if (startSeconds <= 0) return 1;
  if (epochSeconds === undefined) return 2;
  const worthwhile = Math.ceil((startSeconds * (1 - startShare)) / (startShare * epochSeconds));
  const affordable = Math.floor(Math.min(measured.secondsLeft, longestGroupSeconds) / epochSeconds);
  return Math.max(1, Math.min(worthwhile, affordable));
}
