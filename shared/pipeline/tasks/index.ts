/** The tasks in the order in which data flows through them; `pipeline.asl.json` says when each runs. */

import type { TaskContext } from '../context.ts';
import { type TaskName, taskMessages } from '../messages.ts';
import { analyseShard } from './analyse-shard.ts';
import { checkpoint } from './checkpoint.ts';
import { collectEpoch } from './collect-epoch.ts';
import { finalise } from './finalise.ts';
import { planAnalysis } from './plan-analysis.ts';
import { prepare } from './prepare.ts';
import { recordFailure } from './record-failure.ts';
import { setRates } from './set-rates.ts';
import { trainEpoch } from './train-epoch.ts';

const tasks = {
  Prepare: prepare,
  TrainEpoch: trainEpoch,
  CollectEpoch: collectEpoch,
  PlanAnalysis: planAnalysis,
  AnalyseShard: analyseShard,
  SetRates: setRates,
  Checkpoint: checkpoint,
  Finalise: finalise,
  RecordFailure: recordFailure,
} as const;

/** Runs a task on a message from the workflow, checking what goes in and what comes out. */
export async function runTask(name: TaskName, ctx: TaskContext, message: unknown): Promise<unknown> {
  const { input, output } = taskMessages[name];
  const task = tasks[name] as (ctx: TaskContext, message: unknown) => Promise<unknown>;
  return output.parse(await task(ctx, input.parse(message)));
}
