/** The rest of a budget, in seconds of a training job. */
import { z } from 'zod';
import { type RegionPrices, type Requests, resourceSchema, usdOf, usdOfRequests } from '../costs/prices.ts';
import { assumedRequests } from './assumptions.ts';
import type { Budget } from './config.ts';

/** By what a training job is counted, and what is kept for all else. */
export const jobPriceSchema = z.object({
  resource: resourceSchema,
  usdPerSecond: z.number().positive(),
  startSeconds: z.number().nonnegative().describe('Counted for image and machine, besides the time of the process.'),
  requestUsd: z.object({ s3Write: z.number(), s3Read: z.number() }).describe('Of requests to S3, each.'),
  reserveUsd: z.number().nonnegative().describe('Kept for the functions of an epoch, and of the end of the run.'),
  sharesUsd: z
    .object({ task: z.number(), finalise: z.number(), failure: z.number() })
    .optional()
    .describe('Kept of it for a function, for Finalise and for RecordFailure. Earlier versions kept nothing for each.'),
});
export type JobPrice = z.infer<typeof jobPriceSchema>;

/** What a run has used so far: wall time, and US dollars where they are metered. */
export interface Spent {
  readonly seconds: number;
  readonly usd?: number | undefined;
}

/** The shortest limit that AWS Batch takes. */
export const shortestAttemptSeconds = 60;

/** What a job may run on after its time is up: 30 s until it is killed if it does not heed the signal, and the service is late. */
export const endingSeconds = 40;

/** When a job's hours are used up, it notes what it has used and ends; one that has not done so after this time is killed in its container. */
export const hungJobSeconds = 15;

/** From the end of a job until the workflow is told of it. */
const toldSeconds = 20;

/** What is kept of a budget in hours for the end of a job: it is told to end, killed where it does not heed that, and known to have ended. */
export const closingSeconds = endingSeconds + toldSeconds;

/** Seconds that a function of the workflow is reckoned with, one that takes the spectra of a shard, and the one that exports the model. */
const functionSeconds = { task: 10, shard: 30, finalise: 30 };
/** Functions of an epoch after its job, besides those of shards. */
const functionsOfEpoch = 4;
/** Transitions that are counted with a function: its own state, and a choice after it or the map or job before it. */
export const transitionsOfFunction = 2;

/** A function that is given less does not begin. */
export const leastFunctionSeconds = 3;

/** The function that notes a failure takes no more where it may not know of all that the last job used. */
export const failureSeconds = 30;

/** A function that decides on a job by what is left of the budget may go on for so many seconds, or this share of what is left. */
export const decidingSeconds = 20;
export const decidingShare = 1 / 20;

/** What a call of a function comes to besides its seconds, in requests and transitions, where it is not known. */
export const requestsOfCall: Requests = { writes: 10, reads: 50, transitions: transitionsOfFunction };

/** A call of a function that takes so many seconds, in US dollars, where its requests are not known. */
export const usdOfCall = (memoryGb: number, seconds: number, prices: RegionPrices): number =>
  usdOf({ kind: 'lambda', memoryGb, seconds }, prices) + usdOfRequests(requestsOfCall, prices);

/** What is kept of a budget for functions, in US dollars, each with one call. */
export interface FunctionShares {
  /** For a function of the workflow. */
  readonly task: number;
  /** For the one that exports the model. */
  readonly finalise: number;
  /** For the one that notes a failure, and a call of it that is refused. */
  readonly failure: number;
}

/** The shares of functions of this memory. */
export function functionShares(functionGb: number, prices: RegionPrices): FunctionShares {
  const usd = (seconds: number) => usdOfCall(functionGb, seconds, prices);
  const task = usd(functionSeconds.task);
  return { task, finalise: usd(functionSeconds.finalise), failure: task + usd(leastFunctionSeconds) };
}

/** What is kept of a budget for functions and requests, in US dollars: those of an epoch, and of the end of the run. */
export function reservedUsd(
  { shards, functionGb, publishes = false }: { shards: number; functionGb: number; publishes?: boolean },
  prices: RegionPrices,
): number {
  const { task, finalise, failure } = functionShares(functionGb, prices);
  const shard = usdOfCall(functionGb, functionSeconds.shard, prices);
  const { writes, reads } = assumedRequests;
  const ofJob = usdOfRequests({ writes, reads, transitions: 0 }, prices);
  const ofEnd = finalise + failure + (publishes ? functionsOfPublishing * task : 0);
  return functionsOfEpoch * task + shards * shard + ofJob + ofEnd;
}

/** The one that asks whether the model is published, and the one that publishes it. */
export const functionsOfPublishing = 2;

/** Dollars a second: of the metered machine, or of this one where the user has given its price. */
function rateOf({ usdPerHour }: Budget, price: JobPrice | undefined): number | undefined {
  return price?.usdPerSecond ?? (usdPerHour === undefined ? undefined : usdPerHour / 3600);
}

/** What was spent in US dollars: as metered, or by the price of this machine; undefined where neither is known. */
export function spentUsd({ seconds, usd }: Spent, { usdPerHour }: Budget): number | undefined {
  return usd ?? (usdPerHour === undefined ? undefined : (seconds / 3600) * usdPerHour);
}

/** Seconds that a job is paid for besides those that it may run; none where no job is started. */
const aroundSeconds = (price: Pick<JobPrice, 'startSeconds'> | undefined) =>
  price ? price.startSeconds + endingSeconds : 0;

/** Seconds of a job that the dollars left pay for, its start, its end and what is kept for other tasks left out. */
function paidSeconds(spent: Spent, budget: Budget, price: JobPrice | undefined): number {
  const rate = rateOf(budget, price);
  if (budget.usd === undefined || rate === undefined) return Number.POSITIVE_INFINITY;
  const left = budget.usd - (spentUsd(spent, budget) ?? 0) - (price?.reserveUsd ?? 0);
  return left / rate - aroundSeconds(price);
}

/** What a budget leaves, in seconds of a job; infinite without a budget, below 0 where it is overdrawn. */
export function secondsLeft(spent: Spent, budget: Budget, price?: JobPrice): number {
  const byTime = budget.hours === undefined ? Number.POSITIVE_INFINITY : 3600 * budget.hours - spent.seconds;
  return Math.min(byTime, paidSeconds(spent, budget, price));
}

/** Whether what is left of a budget pays for a job at all, in dollars and in hours; where nothing is metered, there is no job to pay for. */
export function paysForJob(spent: Spent, budget: Budget, price: JobPrice | undefined): boolean {
  if (price === undefined) return true;
  const left = budget.hours === undefined ? Number.POSITIVE_INFINITY : 3600 * budget.hours - spent.seconds;
  return dollarsPayForJob(spent, budget, price) && left - closingSeconds >= shortestAttemptSeconds;
}

/** The same of the dollars alone. */
export const dollarsPayForJob = (spent: Spent, budget: Budget, price: JobPrice | undefined): boolean =>
  price === undefined || paidSeconds(spent, budget, price) >= shortestAttemptSeconds;

/** What a budget must have at least for one more job, in US dollars. */
export function leastBudgetUsd(
  spent: Pick<Spent, 'usd'>,
  price: Pick<JobPrice, 'usdPerSecond' | 'startSeconds' | 'reserveUsd'>,
): number {
  const { usdPerSecond, reserveUsd } = price;
  return (spent.usd ?? 0) + reserveUsd + (aroundSeconds(price) + shortestAttemptSeconds) * usdPerSecond;
}
