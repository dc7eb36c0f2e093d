/** What the workflow's tasks take and give: keys and small numbers, never data, and nothing that grows with the model. */
import { z } from 'zod';
import { fileRecordsSchema } from '../checkpoints/manifest.ts';
import { markets, targets } from '../decisions/compute.ts';
import { decisionSchema } from '../decisions/decide.ts';
import { jobPriceSchema } from '../decisions/spending.ts';

const count = z.int().nonnegative();
const runField = z.string().min(1).describe('Key prefix of the run.');

const prepareInput = z.object({
  run: runField,
  startedAt: z.iso
    .datetime({ offset: true })
    .optional()
    .describe(
      'When the execution began: its budget counts from then on, tries of Prepare that were lost included. Absent: now.',
    ),
  executionName: z
    .string()
    .optional()
    .describe(
      'Name of the execution in the service, the same however often Prepare is tried. Earlier versions gave none.',
    ),
});
export type PrepareInput = z.infer<typeof prepareInput>;

const computeStateSchema = z.object({
  target: z.enum(targets),
  market: z.enum(markets),
  queue: z.string().describe('Job queue of the market.'),
  definition: z.string().describe('Job definition of the target.'),
  attemptSeconds: z.int().positive().describe('How long a job may run.'),
  waitSeconds: z.number().positive().optional().describe('How long a job may wait in its queue in all.'),
  stateSeconds: z
    .int()
    .positive()
    .optional()
    .describe(
      'How long the workflow waits for a job: in its queue, and while it runs. Earlier versions had no such limit.',
    ),
  endsAt: z.iso
    .datetime()
    .optional()
    .describe(
      'When a job ends by itself, so that the hours of the budget are not exceeded; absent without such a budget.',
    ),
  price: jobPriceSchema.optional().describe('By what jobs are counted; absent where nothing is metered.'),
  interruptions: count.default(0).describe('Spot instances that were taken away, in this execution.'),
});
export type ComputeState = z.infer<typeof computeStateSchema>;

/**
 * What goes from state to state: which execution, which epoch, which attempt at it, where it trains, what is next. An
 * execution under way during a deployment has a state of the version before: fields that come later need a default.
 */
export const stateSchema = z.object({
  run: runField,
  execution: z.string().describe('A name that no other execution has; the attempts it makes begin with it.'),
  startedAt: z.iso.datetime().describe('When this execution began.'),
  epoch: count.describe('The epoch to be made or under way.'),
  attempt: z.string().describe('Folder of the attempt; empty before training and after a commit.'),
  files: fileRecordsSchema.describe('Digests of the files that the attempt has so far.'),
  decision: decisionSchema,
  compute: computeStateSchema,
  job: z.object({
    name: z.string().describe('The run, as jobs and executions are named after it.'),
    try: count.describe('How often a job for this epoch left no result.'),
    beganAt: z.iso.datetime().optional().describe('When the attempt was begun, on its machine.'),
    failures: count.default(0).describe('Those among them that were no interruptions.'),
    tag: z.string().default('none').describe('The run, as its jobs are tagged for the bill.'),
    profile: z.string().default('none').describe('Its profile, as its jobs are tagged for the bill.'),
  }),
  events: count.default(0).describe('Events that the history of this execution has at most.'),
});
export type PipelineState = z.infer<typeof stateSchema>;

const errorSchema = z.object({ Error: z.string(), Cause: z.string().optional() });
/** The error of a failed task, as a state machine describes it. */
export type TaskError = z.infer<typeof errorSchema>;

const collectInput = stateSchema.extend({ error: errorSchema.optional() });
export type CollectInput = z.infer<typeof collectInput>;

const plannedSchema = stateSchema.extend({
  shards: z
    .array(count)
    .describe('Numbers of the shards that the layers are analysed in; none where no analysis is due.'),
});
export type PlannedState = z.infer<typeof plannedSchema>;

const shardInput = z.object({
  run: runField,
  epoch: count,
  attempt: z.string().min(1),
  shard: count.describe('Which shard, from 0 on.'),
  shards: z.int().positive().describe('Of how many.'),
  compute: computeStateSchema.optional().describe('By which the budget is kept. Earlier versions did not hand it on.'),
});
export type ShardInput = z.infer<typeof shardInput>;

const failureInput = z.object({
  run: runField,
  ...stateSchema.pick({ execution: true, epoch: true }).partial().shape,
  error: errorSchema,
});
export type FailureInput = z.infer<typeof failureInput>;

const finaliseInput = stateSchema.extend({
  error: errorSchema
    .optional()
    .describe('Of a function that the rest of the budget does not pay for: the run ends with the last commit.'),
});
export type FinaliseInput = z.infer<typeof finaliseInput>;

/** What a person has answered, or why nobody has: the result of the state that waits for it. */
const publishInput = stateSchema.extend({
  approval: z.looseObject({ approved: z.boolean().default(false), by: z.string().optional() }).optional(),
  error: errorSchema.optional(),
});
export type PublishInput = z.infer<typeof publishInput>;

const approvalInput = z.object({ state: stateSchema, token: z.string().min(1) });

/** The tasks in the order in which data flows through them. */
export const taskMessages = {
  Prepare: { input: prepareInput, output: stateSchema },
  TrainEpoch: { input: stateSchema, output: stateSchema },
  CollectEpoch: { input: collectInput, output: stateSchema },
  PlanAnalysis: { input: stateSchema, output: plannedSchema },
  AnalyseShard: { input: shardInput, output: z.object({ shard: count }) },
  SetRates: { input: plannedSchema, output: stateSchema },
  Checkpoint: { input: stateSchema, output: stateSchema },
  Finalise: { input: finaliseInput, output: stateSchema },
  AskApproval: { input: approvalInput, output: z.object({ asked: z.boolean() }) },
  Publish: { input: publishInput, output: stateSchema },
  RecordFailure: { input: failureInput, output: z.object({ run: runField, decision: decisionSchema }) },
} as const;
export type TaskName = keyof typeof taskMessages;
