/** How comparisons stand: what their folders say, and what their executions say. */
import type { ExecutionStatus } from '@aws-sdk/client-sfn';
import { comparisonKeys } from '../checkpoints/comparison-keys.ts';
import { readJson } from '../checkpoints/json.ts';
import { messageOf } from '../core/errors.ts';
import { mapInFlight } from '../core/in-flight.ts';
import type { RunResult } from '../decisions/comparison/design.ts';
import { countRuns } from '../pipeline/comparison/check-comparison.ts';
import {
  type ComparisonOutcome,
  comparisonOutcomeSchema,
  readComparison,
  readPlans,
  readResults,
} from '../pipeline/comparison/records.ts';
import { comparisonOf, executionOfComparison, listComparisons } from './comparisons.ts';
import { consoleAddress } from './executions.ts';
import type { Cloud } from './open-cloud.ts';
import { nameOf } from './runs.ts';

/** `stopped`: no execution is at the comparison, and it has not ended. */
type ComparisonState = ComparisonOutcome['outcome'] | 'running' | 'stopped';

export interface ComparisonStatus {
  readonly comparison: string;
  readonly state: ComparisonState;
  /** The findings, or the reason of a failure; empty before its end. */
  readonly reason: string;
  /** Runs by what became of them, and those that are known to come. */
  readonly runs: Readonly<Record<RunResult['status'] | 'expected', number>>;
  /** Seconds of all finished runs. */
  readonly seconds: number;
  readonly usd: number | null;
  readonly budget: { readonly hours: number | null; readonly usd: number | null };
  readonly execution: { readonly name: string; readonly status: ExecutionStatus; readonly console: string } | null;
  readonly address: string;
}

export type ComparisonLine = ComparisonStatus | { readonly comparison: string; readonly unreadable: string };

/** Everything about one comparison; how it ended before is not told of one that an execution is at again. */
export async function comparisonStatus(cloud: Cloud, comparison: string): Promise<ComparisonStatus> {
  const { store } = cloud;
  const request = await readComparison(store, comparison);
  const [plans, results, outcome, execution] = await Promise.all([
    readPlans(store, comparison),
    readResults(store, comparison),
    readJson(store, comparisonKeys.outcome(comparison), comparisonOutcomeSchema),
    executionOfComparison(cloud, request),
  ]);
  const { budget } = request.settings;
  const count = (status: RunResult['status']) => results.filter((result) => result.status === status).length;
  const { tuning, test } = countRuns(request.settings);
  const metered = results.flatMap(({ usd }) => usd ?? []);
  const isRunning = execution?.status === 'RUNNING';
  return {
    comparison: nameOf(comparison),
    state: isRunning ? 'running' : (outcome?.outcome ?? 'stopped'),
    reason: isRunning ? '' : (outcome?.reason ?? ''),
    runs: {
      done: count('done'),
      diverged: count('diverged'),
      failed: count('failed'),
      skipped: count('skipped'),
      expected: Math.max(tuning + test, Object.keys(plans).length),
    },
    seconds: results.reduce((sum, { seconds }) => sum + seconds, 0),
    usd: metered.length > 0 ? metered.reduce((sum, usd) => sum + usd, 0) : null,
    budget: { hours: budget.hours ?? null, usd: budget.usd ?? null },
    execution: execution
      ? { name: execution.name, status: execution.status, console: consoleAddress(execution) }
      : null,
    address: `${store.label}/${comparison}/`,
  };
}

const comparisonsAtATime = 4;

/** Every comparison in a line; none where what is deployed makes none. */
export async function cloudComparisons(cloud: Cloud): Promise<ComparisonLine[]> {
  if (cloud.compareStateMachine === undefined) return [];
  const names = await listComparisons(cloud);
  return mapInFlight(names, { count: comparisonsAtATime }, async (name): Promise<ComparisonLine> => {
    try {
      return await comparisonStatus(cloud, comparisonOf(name));
    } catch (error) {
      return { comparison: name, unreadable: messageOf(error) };
    }
  });
}
