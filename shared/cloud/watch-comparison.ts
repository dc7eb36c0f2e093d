/** Follows a comparison in the cloud, by the plans and results in its folder. */
import { comparisonKeys } from '../checkpoints/comparison-keys.ts';
import { readJson } from '../checkpoints/json.ts';
import { UserError } from '../core/errors.ts';
import type { ComparisonEvent } from '../pipeline/comparison/context.ts';
import {
  type ComparisonOutcome,
  type ComparisonRequest,
  comparisonOutcomeSchema,
  readComparison,
  readPlans,
  readResult,
} from '../pipeline/comparison/records.ts';
import { type ComparisonExecution, executionOfComparison } from './comparisons.ts';
import type { Cloud } from './open-cloud.ts';
import { patiently } from './patiently.ts';
import { nameOf } from './runs.ts';

/** How a comparison was when its execution had ended; no outcome: it was stopped, or failed before it could note one. */
export interface WatchedComparison {
  readonly execution: ComparisonExecution;
  readonly outcome: ComparisonOutcome | undefined;
}

/** The number of times that an execution which was just started is looked for. */
const mostIdleLooks = 5;

type Watched = Pick<Cloud, 'store' | 'sfn' | 'compareStateMachine' | 'stack'>;

/**
 * Tells of rounds and of runs that finish from now on, until no execution is at the comparison any more. A failure that may pass,
 * as of a laptop's network, does not end it.
 * @param wait between looks
 * @throws UserError when the comparison has no execution.
 */
export async function* watchComparison(
  cloud: Watched,
  comparison: string,
  wait: () => Promise<void>,
): AsyncGenerator<ComparisonEvent, WatchedComparison> {
  const { store } = cloud;
  const request = await readComparison(store, comparison);
  const news = newsTeller(cloud, comparison, request);
  const look = patiently(async () => {
    const execution = await executionOfComparison(cloud, request);
    const outcome = await readJson(store, comparisonKeys.outcome(comparison), comparisonOutcomeSchema);
    // Last, so that nothing is missed of what was there when the execution had ended.
    return { execution, outcome, told: await news() };
  });
  for (let idleLooks = 0; ; await wait()) {
    const seen = await look();
    if ('cutOff' in seen) {
      yield* seen.cutOff;
      continue;
    }
    const { execution, outcome, told } = seen;
    yield* told;
    if (execution?.status === 'RUNNING') continue;
    if (execution) {
      if (outcome) yield endOf(comparison, outcome);
      return { execution, outcome };
    }
    if (++idleLooks === mostIdleLooks) {
      const name = nameOf(comparison);
      throw new UserError('has no execution', {
        where: name,
        remedy: `Start one by \`npx tempbalance cloud resume ${name}\`.`,
      });
    }
  }
}

const endOf = (comparison: string, { outcome, reason }: ComparisonOutcome): ComparisonEvent =>
  outcome === 'judged'
    ? { type: 'judged', comparison, headline: reason }
    : { type: 'comparisonFailed', comparison, reason };

/** Rounds that were planned, and runs that have finished, since the last look. */
function newsTeller({ store }: Watched, comparison: string, { settings }: ComparisonRequest) {
  const { metric } = settings.arms[0]!.config.convergence;
  let planned: number | undefined;
  let seen: ReadonlySet<string> | undefined;
  return async (): Promise<ComparisonEvent[]> => {
    const plans = await readPlans(store, comparison);
    const prefix = comparisonKeys.results(comparison);
    const there = (await store.list(prefix)).map((key) => key.slice(prefix.length).replace(/\.json$/, ''));
    const before = seen ?? new Set(there);
    const told: ComparisonEvent[] = [];
    const pending = Object.entries(plans).filter(([run]) => !before.has(run));
    if (Object.keys(plans).length !== planned && pending.length > 0) {
      const round = pending.some(([, { purpose }]) => purpose === 'test') ? 'test' : 'tuning';
      const finished = [...before].filter((run) => run in plans).length;
      told.push({ type: 'round', comparison, round, runs: pending.length, finished });
    }
    for (const run of there.filter((name) => !before.has(name))) {
      const result = await readResult(store, comparison, run);
      if (result) told.push({ type: 'run', comparison, result, metric });
    }
    planned = Object.keys(plans).length;
    // A result that is gone is of a run that is done again.
    seen = new Set(there);
    return told;
  };
}
