import { z } from 'zod';
import type { Budget, Convergence } from './config.ts';
import { closingSeconds, dollarsPayForJob, type JobPrice, paysForJob, spentUsd } from './spending.ts';

/** What the decisions need of the past; folded epoch by epoch, so that it stays small: the content of `progress.json`. */
export const progressSchema = z.strictObject({
  epoch: z.int().nonnegative(),
  /** Null before the first epoch that may be the best. `loss` is what a tie is broken by; absent where the evaluation has none. */
  best: z.strictObject({ epoch: z.int().nonnegative(), value: z.number(), loss: z.number().optional() }).nullable(),
  /** The value that the next one has to beat by minDelta to count as an improvement; null before the first that counts. */
  reference: z.number().nullable(),
  /** The validation loss at the reference. */
  referenceLoss: z.number().optional(),
  epochsWithoutImprovement: z.int().nonnegative(),
  /** Wall time of the run so far, in seconds, retries and restarts included as far as they were seen. */
  seconds: z.number().nonnegative(),
  /** Wall time of the slowest epoch so far, waiting left out, in seconds: what the next one is expected to take. */
  slowestEpochSeconds: z.number().nonnegative(),
  /** What the run has cost so far, in US dollars, failed tries included; absent where nothing is metered. */
  usd: z.number().nonnegative().optional(),
  /** What the dearest epoch so far has cost: what the next one is expected to cost. */
  dearestEpochUsd: z.number().nonnegative().optional(),
});
export type Progress = z.infer<typeof progressSchema>;

/** How a run stands. `running` also stands for a run that was interrupted and can be resumed. */
export const outcomes = ['running', 'completed', 'converged', 'budget', 'diverged', 'failed'] as const;
export type Outcome = (typeof outcomes)[number];

export const decisionSchema = z.object({
  /** `test`: measured on test data before it ends; `handOver`: to a new execution, which goes on with the run; `leave`: another execution has the run; `approve` and `publish`: its model is published, when somebody has approved of it or at once. */
  next: z.enum(['train', 'analyse', 'test', 'finalise', 'handOver', 'leave', 'approve', 'publish']),
  outcome: z.enum(outcomes),
  /** The reason in plain words. */
  reason: z.string(),
});
export type Decision = z.infer<typeof decisionSchema>;

/** The facts about an epoch that Checkpoint decides by. */
export interface Observation {
  readonly epoch: number;
  /** The convergence metric on the validation data; NaN where it is not a finite number. */
  readonly value: number;
  /** The loss on the validation data; absent where the evaluation has none. */
  readonly loss?: number | undefined;
  /** Whether it is the model before training, some of which was drawn: such a one is neither the best nor a reference. */
  readonly isDrawn?: boolean;
  /** Wall time since the last commit, in seconds. */
  readonly seconds: number;
  /** What of it an epoch takes ordinarily: without waiting for a machine, or tries that were lost. Absent: all of it. */
  readonly epochSeconds?: number | undefined;
  /** What was metered since the last commit, in US dollars; undefined where nothing is. */
  readonly usd?: number | undefined;
}

/** By how much `value` is better than `than`; below 0 where it is worse. */
const gain = (value: number, than: number, { direction }: Convergence) =>
  direction === 'lower' ? than - value : value - than;

/** What a validation loss has to fall by to count as an improvement, as a share of it: less is noise. */
const leastLossGain = 1e-3;

/** Whether a loss is lower than another by more than a share of it; not so where one of them is not known. */
const isLowerLoss = (loss: number | undefined, than: number | undefined, share = 0) =>
  loss !== undefined && than !== undefined && loss < than - share * Math.abs(than);

/**
 * The progress after one more epoch. Any better value is the best, and of equal ones that with the lower loss. For patience only
 * that is an improvement which is better than the reference by more than minDelta, or equal to it with a loss that is lower by
 * more than a thousandth. Patience counts from the first reference on: before it there is nothing to improve on.
 */
export function observe(before: Progress | undefined, seen: Observation, convergence: Convergence): Progress {
  const { best = null, reference = null, referenceLoss, epochsWithoutImprovement = 0 } = before ?? {};
  const { epoch, value, isDrawn = false } = seen;
  const counts = Number.isFinite(value) && !isDrawn;
  const loss = Number.isFinite(seen.loss) ? seen.loss : undefined;
  const withLoss = <Key extends string>(key: Key, of: number | undefined) => (of === undefined ? {} : { [key]: of });
  const isBest =
    counts &&
    (best === null ||
      gain(value, best.value, convergence) > 0 ||
      (value === best.value && isLowerLoss(loss, best.loss)));
  const improved =
    counts &&
    (reference === null ||
      gain(value, reference, convergence) > convergence.minDelta ||
      (value === reference && isLowerLoss(loss, referenceLoss, leastLossGain)));
  return {
    epoch,
    best: isBest ? { epoch, value, ...withLoss('loss', loss) } : best,
    reference: improved ? value : reference,
    ...withLoss('referenceLoss', improved ? loss : referenceLoss),
    epochsWithoutImprovement: improved || reference === null ? 0 : epochsWithoutImprovement + 1,
    seconds: (before?.seconds ?? 0) + seen.seconds,
    slowestEpochSeconds:
      epoch === 0 ? 0 : Math.max(before?.slowestEpochSeconds ?? 0, seen.epochSeconds ?? seen.seconds),
    ...costAfter(before, seen),
  };
}

function costAfter(
  before: Progress | undefined,
  { epoch, usd }: Observation,
): Pick<Progress, 'usd' | 'dearestEpochUsd'> {
  if (usd === undefined && before?.usd === undefined) return {};
  const dearest = epoch === 0 ? 0 : Math.max(before?.dearestEpochUsd ?? 0, usd ?? 0);
  return { usd: (before?.usd ?? 0) + (usd ?? 0), dearestEpochUsd: dearest };
}

/** A job that measures a run on its test data, by the dearest epoch so far; nothing where no jobs are paid for, as then they are measured in any case. */
function testJob(
  { slowestEpochSeconds, dearestEpochUsd = 0 }: Progress,
  price: JobPrice | undefined,
): { readonly seconds: number; readonly usd: number } {
  if (!price) return { seconds: 0, usd: 0 };
  const around = price.startSeconds + closingSeconds;
  return { seconds: slowestEpochSeconds + around, usd: dearestEpochUsd + around * price.usdPerSecond };
}

/** What stops the next epoch for want of time or money, in words; undefined when there is enough. */
function exceededBudget(
  progress: Progress,
  budget: Budget,
  price: JobPrice | undefined,
  tests: boolean,
): string | undefined {
  const { seconds, slowestEpochSeconds, dearestEpochUsd } = progress;
  const closing = price ? closingSeconds : 0;
  const test = tests ? testJob(progress, price) : { seconds: 0, usd: 0 };
  if (budget.hours !== undefined && seconds + slowestEpochSeconds + closing + test.seconds > 3600 * budget.hours) {
    return `the next epoch would exceed the budget of ${budget.hours} h`;
  }
  if (dollarsPayForJob(progress, budget, price) && !paysForJob(progress, budget, price)) {
    return `what is left of the budget of ${budget.hours} h is too short for another training job`;
  }
  if (budget.usd === undefined) return undefined;
  const spent = spentUsd(progress, budget);
  const next = spentUsd({ seconds: slowestEpochSeconds, usd: dearestEpochUsd }, budget) ?? 0;
  if (spent !== undefined && spent + next + test.usd + (price?.reserveUsd ?? 0) > budget.usd) {
    return `the next epoch would exceed the budget of ${budget.usd} USD`;
  }
  return paysForJob(progress, budget, price)
    ? undefined
    : `what is left of the budget of ${budget.usd} USD does not pay for another training job`;
}

/** Whether to train one more epoch. A pure function of what is recorded, so that a resumed run decides alike. */
export function decide(
  progress: Progress,
  value: number,
  settings: {
    epochs: number;
    convergence: Convergence;
    budget: Budget;
    price?: JobPrice | undefined;
    /** Whether the run is measured on test data when it ends, within its budget. */
    tests?: boolean;
  },
): Decision {
  const stop = (outcome: Outcome, reason: string): Decision => ({ next: 'finalise', outcome, reason });
  const { epochs, convergence, budget, price, tests = false } = settings;
  const { metric, target, direction, patience } = convergence;
  const isAtTarget = target !== undefined && (direction === 'lower' ? value <= target : value >= target);
  // Without a best epoch there is nothing to export but what was drawn.
  if (isAtTarget && progress.best !== null) {
    return stop('converged', `${metric} reached the target of ${target}`);
  }
  if (patience !== undefined && progress.epochsWithoutImprovement >= patience) {
    return stop('converged', `${metric} did not improve for ${patience} epoch${patience === 1 ? '' : 's'}`);
  }
  if (progress.epoch >= epochs) {
    return stop('completed', epochs === 1 ? 'its one epoch is trained' : `all ${epochs} epochs are trained`);
  }
  const exceeded = exceededBudget(progress, budget, price, tests);
  if (exceeded) return stop('budget', exceeded);
  return {
    next: 'train',
    outcome: 'running',
    reason: `${epochs - progress.epoch} ${epochs - progress.epoch === 1 ? 'epoch' : 'epochs'} to go`,
  };
}

/**
 * What is to be known of the model that a run leaves, besides how the run ended; undefined: it is the best of what was trained.
 * @param options.exported the epoch whose model it is
 * @param options.drawn what of the model was drawn from the seed, in words; undefined: nothing was
 */
export function exportRemark(
  { epoch, best }: Pick<Progress, 'epoch' | 'best'>,
  { exported, metric, drawn }: { exported: number; metric: string; drawn: string | undefined },
): string | undefined {
  if (epoch === 0) {
    const untrained = drawn === undefined ? '' : `, with ${drawn} as drawn from the seed`;
    return `no epoch was trained to its end: the model before training is what is exported${untrained}`;
  }
  if (exported === 0 && best?.epoch === 0) {
    return `training did not help: the model before training is the best by ${metric}, and is what is exported`;
  }
  if (best !== null) return undefined;
  return `${metric} was not a finite number after any trained epoch, so none is the best: the model of epoch ${exported} is what is exported`;
}
