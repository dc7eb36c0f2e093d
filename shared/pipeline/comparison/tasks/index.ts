/** A comparison's tasks in the order in which they follow each other; `compare.asl.json` says when each runs. */

import type { ComparisonContext } from '../context.ts';
import type { ComparisonTaskName } from '../messages.ts';
import { admitRun } from './admit-run.ts';
import { judgeRuns } from './judge-runs.ts';
import { type ComparisonTask, performComparisonTask } from './perform.ts';
import { planRound } from './plan-round.ts';
import { recordComparisonFailure } from './record-comparison-failure.ts';
import { settleRun } from './settle-run.ts';

const tasks = {
  PlanRound: planRound,
  AdmitRun: admitRun,
  SettleRun: settleRun,
  JudgeRuns: judgeRuns,
  RecordComparisonFailure: recordComparisonFailure,
} as const;

/** Runs a task of a comparison on a message from its workflow. */
export function runComparisonTask(
  name: ComparisonTaskName,
  ctx: ComparisonContext,
  message: unknown,
): Promise<unknown> {
  return performComparisonTask(name, tasks[name] as ComparisonTask<ComparisonTaskName>, ctx, message);
}
