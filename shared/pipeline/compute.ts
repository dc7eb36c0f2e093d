import type { Manifest } from '../checkpoints/manifest.ts';
import type { RunConfig } from '../config/run-file.ts';
import { UserError } from '../core/errors.ts';
import { dearestOf, describeResource, type Machine, startSecondsOf } from '../costs/machines.ts';
import { type RegionPrices, usdOfRequests } from '../costs/prices.ts';
import type { Market, Target } from '../decisions/compute.ts';
import { assumedRequests } from '../decisions/estimate.ts';
import { type JobPrice, leastBudgetUsd, type Spent } from '../decisions/spending.ts';
import { attemptSeconds } from '../decisions/task-length.ts';
import type { TaskContext } from './context.ts';
import type { ComputeState } from './messages.ts';
import { transitionsOfFunction } from './metering.ts';

/** Where the next training job runs, and for how long at most after what is spent. */
export function computeState(
  ctx: TaskContext,
  { compute, budget }: RunConfig,
  where: { target: Target; market: Market; interruptions: number; price?: JobPrice | undefined },
  spent: Spent,
): ComputeState {
  const { target, market, interruptions, price } = where;
  const { gpuClass, waitingLimitMinutes } = compute;
  const { queue, definition } = ctx.computeFor({ target, market, gpuClass, waitingLimitMinutes });
  const limit = attemptSeconds(spent, budget, price);
  return { target, market, queue, definition, attemptSeconds: limit, interruptions, ...(price ? { price } : {}) };
}

/** Seconds that a function of the workflow is reckoned with, and one that takes the spectra of a shard. */
const functionSeconds = { task: 10, shard: 30 };
/** Functions of an epoch, and of the end of the run. */
const functionsOfEpoch = 6;

/**
 * By what jobs on a machine are counted, and what is kept for functions; undefined where nothing is metered.
 * @throws UserError when the region has no prices and the run has a budget in dollars.
 */
export async function jobPrice(
  ctx: TaskContext,
  { budget }: RunConfig,
  machine: Machine | undefined,
  analysisFlops: number,
): Promise<JobPrice | undefined> {
  if (!ctx.meter || !machine) return undefined;
  let prices: RegionPrices;
  try {
    prices = await ctx.meter.prices();
    const shards = ctx.shardsFor(analysisFlops);
    const seconds = functionsOfEpoch * functionSeconds.task + shards * functionSeconds.shard;
    const { s3Write, s3Read, lambdaGbSecond } = prices;
    const transitions = (functionsOfEpoch + shards) * transitionsOfFunction;
    const { writes, reads } = assumedRequests;
    return {
      ...dearestOf(machine, prices),
      startSeconds: startSecondsOf[machine.kind],
      requestUsd: { s3Write, s3Read },
      reserveUsd:
        seconds * ctx.meter.functionGb * lambdaGbSecond + usdOfRequests({ writes, reads, transitions }, prices),
    };
  } catch (error) {
    if (budget.usd !== undefined || !(error instanceof UserError)) throw error;
    ctx.emit({ type: 'warning', message: `what the run costs is not known: ${error.message}` });
    return undefined;
  }
}

/** The error of a run whose budget is used up before it has a model; `why` is what used it up. */
export function budgetTooSmall(
  { budget }: RunConfig,
  spent: Spent,
  price: JobPrice | undefined,
  why: string,
): UserError {
  if (budget.usd === undefined || !price) {
    return new UserError(`the budget is used up before the model is evaluated even once (${why})`, {
      remedy: 'Raise `budget`, or take a smaller model or less data.',
    });
  }
  const usd = (value: number) => `${value.toPrecision(3)} USD`;
  const hour = usd(price.usdPerSecond * 3600);
  return new UserError(`a budget of ${budget.usd} USD does not pay for evaluating the model even once (${why})`, {
    where: 'budget.usd',
    remedy: `It needs more than ${usd(leastBudgetUsd(spent, price))}: ${usd(spent.usd ?? 0)} are spent, ${usd(price.reserveUsd)} are kept for functions and requests, and a job on ${describeResource(price.resource)} at ${hour} an hour takes ${price.startSeconds} s to start and a minute at least. \`tempbalance plan\` says what a run costs.`,
  });
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
