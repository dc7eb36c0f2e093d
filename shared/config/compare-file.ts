/** The compare file: which settings are compared, tuned by what, with which seeds, on which test data, within which budget. */
import { z } from 'zod';
import { testSetSchema } from '../datasets/test-set.ts';
import { metricNames } from '../training/metrics/names.ts';
import { mostParallel } from './most-parallel.ts';
import type { JsonSchema } from './schema-walk.ts';

/** More runs than these don't fit into a state of the workflow, which carries their names. */
export const mostRuns = 2000;

/** More arms than these can't be told apart on the page. */
const mostArms = 14;

const namePattern = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;
const nameMessage = 'may only have letters, digits, "_" and "-", and begin with a letter or digit';

const changesSchema = z
  .record(z.string(), z.json())
  .describe(
    'Settings of the run file, each by its dotted name as --set takes it (balance.control: byShape); a section may be given as a whole (balance: off).',
  );

const triedSchema = z.union([z.number(), z.string(), z.boolean()]);

const seedsSchema = (what: string) =>
  z
    .array(z.int().nonnegative())
    .min(1)
    .refine((seeds) => new Set(seeds).size === seeds.length, 'names a seed twice')
    .describe(what);

export const compareFileSchema = z
  .strictObject({
    name: z
      .string()
      .regex(namePattern, nameMessage)
      .max(60)
      .optional()
      .describe("Name of the comparison, and of its folder; absent: the compare file's name."),
    folder: z
      .string()
      .min(1)
      .default('comparisons')
      .describe('Folder that gets a folder for each comparison; relative to the compare file.'),
    run: z
      .union([z.string().min(1), z.record(z.string(), z.json())])
      .describe('The run file that everything is compared on: its path, or its sections.'),
    set: changesSchema
      .default({})
      .describe('What is changed in the run file for all arms: settings by their dotted names, as in arms.'),
    arms: z
      .record(z.string().regex(namePattern, nameMessage).max(30), changesSchema)
      .refine(
        (arms) => Object.keys(arms).length >= 2,
        'needs at least two arms: for example plain: { balance: off } and balanced: {}',
      )
      .refine(
        (arms) => Object.keys(arms).length <= mostArms,
        `has more than ${mostArms} arms, which can't be told apart on a page`,
      )
      .describe(
        'What is compared: names, each with what it changes in the run file; {} takes it as it is. An arm with balance.control is a control of the arm that is the same but for it.',
      ),
    reference: z.string().default('plain').describe('The arm that the others are compared with.'),
    tune: z
      .record(z.string(), z.array(triedSchema).min(1))
      .refine((tune) => Object.keys(tune).length === 1, 'takes one setting')
      .optional()
      .describe('The setting that is tuned for every arm, by the same values: its dotted name and the values.'),
    rates: z
      .array(z.number().positive())
      .min(1)
      .optional()
      .describe('Base learning rates to tune by: short for tune: { training.learningRate: [...] }.'),
    extensions: z
      .int()
      .nonnegative()
      .default(2)
      .describe(
        'How often the values are extended by one where an arm does best with the first or the last of them; for all arms of that size alike.',
      ),
    seeds: z
      .strictObject({
        tuning: seedsSchema('Of the runs that values are chosen by, on validation data.').optional(),
        test: seedsSchema('Of the runs that count, on test data.'),
      })
      .describe('The seeds, apart: what was tuned on is not tested on.'),
    sizes: z
      .array(z.int().positive())
      .min(1)
      .refine((sizes) => new Set(sizes).size === sizes.length, 'names a size twice')
      .optional()
      .describe(
        'Numbers of training rows, each compared by itself; absent: as many as the run file says. Rows for validation come besides: training.validation as a whole number, or dataset.validationPath.',
      ),
    test: testSetSchema.describe(
      "The test data, the same for every arm, seed and size: dataset.test. Absent: the run file's own.",
    ),
    metric: z
      .enum(metricNames)
      .optional()
      .describe(
        "What is judged by, on validation data for tuning and on test data in the end; absent: the run file's convergence.metric.",
      ),
    epoch: z
      .enum(['best', 'last'])
      .default('best')
      .describe('Whose model is judged: the epoch that is best by validation data, or the last.'),
    smallestEffect: z
      .number()
      .positive()
      .default(1)
      .describe(
        'The smallest change that matters, in per cent of the reference, or in percentage points for shares such as an accuracy: where a larger one is ruled out, an arm is said to have no effect.',
      ),
    budget: z
      .strictObject({
        hours: z
          .number()
          .positive()
          .optional()
          .describe('Hours of the runs, added up: two runs side by side for an hour take two.'),
        usd: z.number().positive().optional().describe('US dollars, of all runs together.'),
        usdPerHour: z
          .number()
          .positive()
          .optional()
          .describe('What an hour of this machine costs a run, in US dollars; without effect on deployed runs.'),
      })
      .prefault({})
      .describe('Limits of the whole. No run is begun that what is left would not pay for.'),
    parallel: z
      .int()
      .positive()
      .max(mostParallel)
      .optional()
      .describe(
        'Runs at a time; absent: as many as this machine has threads for, or 10 in a deployment. The results do not depend on it.',
      ),
    threads: z
      .int()
      .positive()
      .default(1)
      .describe(
        'Threads that each run computes with on this machine. With others, the last bits of results may differ.',
      ),
    keep: z
      .enum(['results', 'models'])
      .default('results')
      .describe('What stays of a finished run: its measurements and its report, or its models too.'),
  })
  .superRefine(({ arms, reference, tune, rates, seeds }, context) => {
    const refuse = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
    if (!Object.hasOwn(arms, reference)) {
      refuse(['reference'], `there is no arm ${reference}; there are: ${Object.keys(arms).join(', ')}`);
    }
    if (tune && rates) refuse(['rates'], 'does not go with tune: give one of them');
    const isTuned = tune !== undefined || rates !== undefined;
    if (isTuned && seeds.tuning === undefined) {
      refuse(
        ['seeds', 'tuning'],
        'is missing: values are chosen by seeds of their own; for example tuning: [101, 102]',
      );
    }
    if (!isTuned && seeds.tuning !== undefined) {
      refuse(['seeds', 'tuning'], 'has no use: nothing is tuned; give rates, for example [0.0003, 0.001, 0.003]');
    }
    const both = seeds.tuning?.filter((seed) => seeds.test.includes(seed)) ?? [];
    if (both.length > 0) refuse(['seeds', 'test'], `has seeds that are tuned on too: ${both.join(', ')}`);
    for (const [key, values] of Object.entries(tune ?? {})) {
      if (new Set(values).size < values.length) refuse(['tune', key], 'names a value twice');
    }
    if (rates && new Set(rates).size < rates.length) refuse(['rates'], 'names a value twice');
  })
  .describe('Compares settings on the same data: whether one of them helps, and by how much.');

/** A compare file with its defaults. */
export type CompareFile = z.output<typeof compareFileSchema>;

/** The setting that is tuned, and its values; undefined: none is. */
export function tunedOf({ tune, rates }: Pick<CompareFile, 'tune' | 'rates'>) {
  if (rates) return { key: 'training.learningRate', values: rates };
  const [entry] = Object.entries(tune ?? {});
  return entry && { key: entry[0], values: entry[1] };
}

/** The compare file's schema for editors. */
export function compareFileJsonSchema(): JsonSchema {
  return z.toJSONSchema(compareFileSchema, { io: 'input' }) as JsonSchema;
}
