/** A comparison's tasks in the order in which they follow each other; `compare.asl.json` says when each runs. */

import type { ComparisonContext } from '../context.ts';
import { type ComparisonTaskName, comparisonMessages } from '../messages.ts';
import { admitRun } from './admit-run.ts';
import { judgeRuns } from './judge-runs.ts';
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

/** Runs a task of a comparison on a message from its workflow, checking what goes in and what comes out. */
export async function runComparisonTask(
  name: ComparisonTaskName,
  ctx: ComparisonContext,
  message: unknown,
): Promise<unknown> {
  const { input, output } = comparisonMessages[name];
  const task = tasks[name] as (ctx: ComparisonContext, message: never) => Promise<unknown>;
  return output.parse(await task(ctx, input.parse(message) as never));
}
