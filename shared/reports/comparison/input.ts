import { z } from 'zod';
import type { ComparisonDesign, RunResult } from '../../decisions/comparison/design.ts';
import type { Judgement } from '../../decisions/comparison/judgement.ts';
import { MOST_ARMS } from '../palette.ts';

const value = z.number().nullable();
const size = z.int().positive().nullable();
const tried = z.union([z.number(), z.string(), z.boolean()]);
const seed = z.int();
const interval = z.tuple([z.number(), z.number()]).readonly().nullable();
const list = <Item extends z.ZodType>(item: Item) => z.array(item).readonly();

const armSchema = z.strictObject({
  name: z.string(),
  changes: list(z.string()),
  isControl: z.boolean(),
  controls: list(z.string()),
});

const designSchema = z.strictObject({
  arms: z.array(armSchema).min(1).max(MOST_ARMS).readonly(),
  reference: z.string(),
  sizes: z.array(size).min(1).readonly(),
  tuned: z.strictObject({ key: z.string(), values: list(tried), extensions: z.int().nonnegative() }).nullable(),
  seeds: z.strictObject({ tuning: list(seed), test: list(seed) }),
  metric: z.strictObject({ name: z.string(), direction: z.enum(['lower', 'higher']) }),
  unit: z.enum(['points', 'percent']),
  epoch: z.enum(['last', 'best']),
  smallestEffect: z.number().nonnegative(),
}) satisfies z.ZodType<ComparisonDesign>;

const runSchema = z.strictObject({
  purpose: z.enum(['tuning', 'test']),
  arm: z.string(),
  size,
  tried: tried.nullable(),
  seed,
  run: z.string(),
  status: z.enum(['done', 'diverged', 'failed', 'skipped']),
  reason: z.string(),
  value,
  curve: list(value),
  alphaSpread: z.strictObject({ first: value, last: value }),
  ratesChanged: z.boolean().optional(),
  seconds: z.number().nonnegative(),
  usd: value,
}) satisfies z.ZodType<RunResult>;

const judgementSchema = z.strictObject({
  headline: z.string(),
  tunings: list(
    z.strictObject({
      arm: z.string(),
      size,
      scores: list(z.strictObject({ tried, mean: value, runs: z.int().nonnegative() })),
      winner: tried.nullable(),
      state: z.enum(['decided', 'edge', 'none']),
    }),
  ),
  findings: list(
    z.strictObject({
      arm: z.string(),
      size,
      finding: z.enum(['helps', 'harms', 'noEffect', 'undecided']),
      sentence: z.string(),
      seeds: list(seed),
      means: z.strictObject({ reference: z.number(), own: z.number() }).nullable(),
      change: value,
      interval,
      bootstrap: interval,
      p: value,
      detectable: value,
      moreSeeds: value,
      controls: list(
        z.strictObject({ control: z.string(), change: value, interval, p: value, isBeaten: z.boolean() }),
      ).nullable(),
      bySpectra: z.boolean().nullable(),
    }),
  ),
  recommendation: z.strictObject({
    arm: z.string(),
    tried: list(z.strictObject({ size, value: tried.nullable() })),
    reason: z.string(),
  }),
  basis: list(z.string()),
}) satisfies z.ZodType<Judgement>;

/** The whole result of a comparison: what `result.json` holds, and what page and text are made from. */
export const comparisonResultSchema = z.strictObject({
  version: z.literal(1),
  name: z.string(),
  madeAt: z.string().describe('Time of making, as it is to be printed.'),
  design: designSchema,
  results: list(runSchema).describe(
    'Every run of the plan that was done or tried, and those that the budget did not pay for.',
  ),
  judgement: judgementSchema,
  settings: z
    .strictObject({
      runFile: z.string().nullable().describe('Path of the run file; null where it stands within the comparison.'),
      data: z.string().describe('Path of the training data.'),
      testRows: z.int().nonnegative().nullable(),
      trainingRows: z
        .int()
        .nonnegative()
        .nullable()
        .describe('All there are, of which a size takes as many as it says.'),
      changesOfAll: list(z.string()).describe('What is set for all runs besides what the run file says.'),
    })
    .describe('What all runs share.'),
  winners: list(z.strictObject({ size, file: z.string() })).describe(
    'Run files of the recommended arm, by size; empty where none could be written.',
  ),
  spent: z.strictObject({ seconds: z.number().nonnegative(), usd: z.number().nonnegative().nullable() }),
  budget: z.strictObject({ hours: z.number().optional(), usd: z.number().optional() }),
  stopped: z.string().nullable().describe('Why it ended before all runs were done; null where all were.'),
  versions: z.record(z.string(), z.string()),
});

/** The whole result of a comparison. */
export type ComparisonResult = z.infer<typeof comparisonResultSchema>;
