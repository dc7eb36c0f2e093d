/** The tasks in the order in which data flows through them; `pipeline.asl.json` says when each runs. */

import type { TaskContext } from '../context.ts';
import type { TaskName } from '../messages.ts';
import { analyseShard } from './analyse-shard.ts';
import { askApproval } from './ask-approval.ts';
import { checkpoint } from './checkpoint.ts';
import { collectEpoch } from './collect-epoch.ts';
import { finalise } from './finalise.ts';
import { performTask, type Task } from './perform.ts';
import { planAnalysis } from './plan-analysis.ts';
import { prepare } from './prepare.ts';
import { publish } from './publish.ts';
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
  AskApproval: askApproval,
  Publish: publish,
  RecordFailure: recordFailure,
} as const;

/** Runs a task of the workflow on a message from it. */
export function runTask(name: TaskName, ctx: TaskContext, message: unknown): Promise<unknown> {
  return performTask(name, tasks[name] as Task<TaskName>, ctx, message);
}
