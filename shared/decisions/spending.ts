/** The rest of a budget, in seconds of a training job. */
import { z } from 'zod';
import { type RegionPrices, resourceSchema, usdOfRequests } from '../costs/prices.ts';
import { assumedRequests } from './assumptions.ts';
import type { Budget } from './config.ts';

/** By what a training job is counted, and what is kept for all else. */
export const jobPriceSchema = z.object({
  resource: resourceSchema,
  usdPerSecond: z.number().positive(),
  startSeconds: z.number().nonnegative().describe('Counted for image and machine, besides the time of the process.'),
  requestUsd: z.object({ s3Write: z.number(), s3Read: z.number() }).describe('Of requests to S3, each.'),
  reserveUsd: z.number().nonnegative().describe('Kept for the functions of an epoch, and of the end of the run.'),
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

/** From the end of a job until the workflow is told of it. */
const toldSeconds = 20;

/** What is kept of a budget in hours for the end of a job: it is told to end, killed where it does not heed that, and known to have ended. */
export const closingSeconds = endingSeconds + toldSeconds;

/** Seconds that a function of the workflow is reckoned with, and one that takes the spectra of a shard. */
const functionSeconds = { task: 10, shard: 30 };
/** Functions of an epoch, and of the end of the run. */
const functionsOfEpoch = 6;
/** Transitions that are counted with a function: its own state, and a choice after it or the map or job before it. */
export const transitionsOfFunction = 2;

/** What is kept of a budget for functions and requests, in US dollars. */
export function reservedUsd(
  { shards, functionGb }: { readonly shards: number; readonly functionGb: number },
  prices: RegionPrices,
): number {
  const seconds = functionsOfEpoch * functionSeconds.task + shards * functionSeconds.shard;
  const transitions = (functionsOfEpoch + shards) * transitionsOfFunction;
  const { writes, reads } = assumedRequests;
  return seconds * functionGb * prices.lambdaGbSecond + usdOfRequests({ writes, reads, transitions }, prices);
}

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
