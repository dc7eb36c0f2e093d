/** What the workflow's tasks take and give: keys and small numbers, never data. */
import { z } from 'zod';
import { fileRecordsSchema } from '../checkpoints/manifest.ts';
import { decisionSchema } from '../decisions/decide.ts';

const runField = z.string().min(1).describe('Key prefix of the run.');

const prepareInput = z.object({ run: runField });

/** State after Prepare, TrainEpoch, Analyse and Checkpoint: which epoch, which attempt at it, what is next. */
export const stateSchema = z.object({
  run: runField,
  startedAt: z.iso.datetime().describe('When this execution began.'),
  epoch: z.int().nonnegative().describe('The epoch that the attempt is at; without one, the last committed epoch.'),
  attempt: z.string().describe('Folder of the attempt; empty after a commit.'),
  files: fileRecordsSchema.describe('Digests of the files that the attempt has so far.'),
  decision: decisionSchema,
});
export type PipelineState = z.infer<typeof stateSchema>;

const failureInput = z.object({
  run: runField,
  error: z.object({ Error: z.string(), Cause: z.string().optional() }),
});

/** The tasks in the order in which data flows through them. */
export const taskMessages = {
  Prepare: { input: prepareInput, output: stateSchema },
  TrainEpoch: { input: stateSchema, output: stateSchema },
  Analyse: { input: stateSchema, output: stateSchema },
  Checkpoint: { input: stateSchema, output: stateSchema },
  Finalise: { input: stateSchema, output: stateSchema },
  RecordFailure: { input: failureInput, output: z.object({ run: runField }) },
} as const;
export type TaskName = keyof typeof taskMessages;
