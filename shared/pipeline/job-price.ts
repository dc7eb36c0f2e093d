/** By what a run's training jobs are counted, and the error of a budget that pays for none. */
import type { RunConfig } from '../config/run-file.ts';
import { UserError } from '../core/errors.ts';
import { dearestOf, describeResource, type Machine, startSecondsOf } from '../costs/machines.ts';
import {
  dollarsPayForJob,
  endingSeconds,
  functionShares,
  type JobPrice,
  leastBudgetUsd,
  reservedUsd,
  type Spent,
} from '../decisions/spending.ts';
import type { TaskContext } from './context.ts';

/**
 * By what jobs on a machine are counted, and what is kept for functions; undefined where nothing is metered.
 * @throws UserError when the region has no prices and the run has a budget in dollars.
 */
export async function jobPrice(
  ctx: TaskContext,
  { budget, publish }: RunConfig,
  machine: Machine | undefined,
  analysisFlops: number,
): Promise<JobPrice | undefined> {
  if (!ctx.meter || !machine) return undefined;
  try {
    const prices = await ctx.meter.prices();
    const { s3Write, s3Read } = prices;
    const { functionGb } = ctx.meter;
    const shards = ctx.shardsFor(analysisFlops);
    return {
      ...dearestOf(machine, prices),
      startSeconds: startSecondsOf[machine.kind],
      requestUsd: { s3Write, s3Read },
      reserveUsd: reservedUsd({ shards, functionGb, publishes: publish !== undefined }, prices),
      sharesUsd: functionShares(functionGb, prices),
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
  const { hours } = budget;
  if (hours !== undefined && dollarsPayForJob(spent, budget, price)) {
    return new UserError(`${hours} h do not suffice for evaluating the model even once (${why})`, {
      where: 'budget.hours',
      remedy: 'Raise it, or take a smaller model or less data.',
    });
  }
  if (budget.usd === undefined || !price) {
    return new UserError(`the budget is used up before the model is evaluated even once (${why})`, {
      remedy: 'Raise `budget`, or take a smaller model or less data.',
    });
  }
  const usd = (value: number) => `${value.toPrecision(3)} USD`;
  const hour = usd(price.usdPerSecond * 3600);
  return new UserError(`a budget of ${budget.usd} USD does not pay for evaluating the model even once (${why})`, {
    where: 'budget.usd',
    remedy: `It needs more than ${usd(leastBudgetUsd(spent, price))}: ${usd(spent.usd ?? 0)} are spent, ${usd(price.reserveUsd)} are kept for functions and requests, and a job on ${describeResource(price.resource)} at ${hour} an hour takes ${price.startSeconds} s to start, a minute at least and ${endingSeconds} s to end. \`npx tempbalance plan\` says what a run costs.`,
  });
}
