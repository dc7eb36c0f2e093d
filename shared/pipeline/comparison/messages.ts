/** What the tasks of a comparison's workflow take and give: names and keys, never results. */
import { z } from 'zod';

const comparisonField = z.string().min(1).describe('Key prefix of the comparison.');
const numberField = z.int().positive().default(1).describe('Which execution of the comparison it is, from 1 on.');

const errorSchema = z.object({ Error: z.string(), Cause: z.string().optional() });

const begunSchema = z.object({
  comparison: comparisonField,
  number: numberField,
  runs: z.array(z.string()).optional().describe('Names of the runs of the round before; absent at the beginning.'),
});

const roundSchema = z.object({
  comparison: comparisonField,
  number: numberField,
  runs: z.array(z.string()).describe('Names of the runs to be done.'),
  parallel: z.int().positive().describe('Runs at a time.'),
  decision: z.object({
    next: z.enum(['run', 'judge']),
    reason: z.string().describe('In plain words.'),
  }),
});
export type RoundState = z.infer<typeof roundSchema>;

const runInput = z.object({ comparison: comparisonField, number: numberField, run: z.string().min(1) });

const admittedSchema = runInput.extend({
  admitted: z.boolean().describe('Whether it is to be trained: the budget pays for it, and it is not done yet.'),
  child: z.string().min(1).describe('Key prefix of the run.'),
  execution: z.string().describe('Name of the execution that trains it.'),
});
export type AdmittedRun = z.infer<typeof admittedSchema>;

/** The tasks in the order in which they follow each other. */
export const comparisonMessages = {
  PlanRound: { input: begunSchema, output: roundSchema },
  AdmitRun: { input: runInput, output: admittedSchema },
  SettleRun: {
    input: admittedSchema.extend({ error: errorSchema.optional() }),
    output: z.object({ run: z.string(), status: z.string() }),
  },
  JudgeRuns: { input: roundSchema, output: z.object({ comparison: comparisonField, outcome: z.string() }) },
  RecordComparisonFailure: {
    input: z.object({ comparison: comparisonField, error: errorSchema }),
    output: z.object({ comparison: comparisonField, outcome: z.string() }),
  },
} as const;
export type ComparisonTaskName = keyof typeof comparisonMessages;
