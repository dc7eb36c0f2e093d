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
    'Settings of the run file, each by its dotted name, as for --set (balance.control: byShape). A whole section may be given too (balance: off).',
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
      .describe('Name of the comparison and of its folder. Absent: the name of the compare file.'),
    folder: z
      .string()
      .min(1)
      .default('comparisons')
      .describe('Folder in which each comparison has a folder, relative to the compare file.'),
    run: z
      .union([z.string().min(1), z.record(z.string(), z.json())])
      .describe('The run file that all arms start from: its path, or its sections.'),
    set: changesSchema
      .default({})
      .describe('Changes of the run file for all arms: settings by their dotted names, as in arms.'),
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
        'What is compared: names, each with its changes of the run file. {} changes nothing. An arm with balance.control is a control of the arm that has the same changes without it.',
      ),
    reference: z.string().default('plain').describe('The arm that all others are compared with.'),
    tune: z
      .record(z.string(), z.array(triedSchema).min(1))
      .refine((tune) => Object.keys(tune).length === 1, 'takes one setting')
      .optional()
      .describe('The setting that is tuned, by its dotted name, and the values that every arm tries.'),
    rates: z
      .array(z.number().positive())
      .min(1)
      .optional()
      .describe('Base learning rates that every arm tries: short for tune: { training.learningRate: [...] }.'),
    extensions: z
      .int()
      .nonnegative()
      .default(2)
      .describe(
        'How many times the values may be extended: when an arm does best with the first or last one, one more is added at that end, and all arms of that size try it. 0: never.',
      ),
    seeds: z
      .strictObject({
        tuning: seedsSchema('Seeds of the runs that choose the values, by their validation data.').optional(),
        test: seedsSchema('Seeds of the runs that are judged, by the test data.'),
      })
      .describe('Seeds for tuning and for the test. No seed may be in both lists.'),
    sizes: z
      .array(z.int().positive())
      .min(1)
      .refine((sizes) => new Set(sizes).size === sizes.length, 'names a size twice')
      .optional()
      .describe(
        'Numbers of training rows. The comparison is repeated for each. Absent: the number in the run file. Validation rows are not counted: set training.validation to a whole number, or name a file in dataset.validationPath.',
      ),
    test: testSetSchema.describe(
      'The test data, as in dataset.test. They are the same for every arm, seed and size. Absent: those of the run file.',
    ),
    metric: z
      .enum(metricNames)
      .optional()
      .describe(
        'The metric that decides, on validation data for tuning and on test data at the end. Absent: convergence.metric of the run file.',
      ),
    epoch: z
      .enum(['best', 'last'])
      .default('best')
      .describe('The epoch whose model is judged: the best by validation data, or the last.'),
    smallestEffect: z
      .number()
      .positive()
      .default(1)
      .describe(
        'The smallest change that matters to you, in per cent of the reference. For shares such as an accuracy: in percentage points. If the results rule out a larger change, the finding is "no effect".',
      ),
    budget: z
      .strictObject({
        hours: z
          .number()
          .positive()
          .optional()
          .describe('Hours, the sum over all runs: two runs side by side for one hour take two hours.'),
        usd: z.number().positive().optional().describe('US dollars, for all runs together.'),
        usdPerHour: z
          .number()
          .positive()
          .optional()
          .describe('The price of one hour of a run on this machine, in US dollars. No effect on deployed runs.'),
      })
      .prefault({})
      .describe('Limits for all runs together. A run starts only if the rest of the budget can pay for it.'),
    parallel: z
      .int()
      .positive()
      .max(mostParallel)
      .optional()
      .describe(
        'How many runs train at the same time. Absent: as many as this machine has threads for, or 10 in a deployment. The results do not depend on it.',
      ),
    threads: z
      .int()
      .positive()
      .default(1)
      .describe('Threads of each run on this machine. With another number, the last bits of the results may differ.'),
    keep: z
      .enum(['results', 'models'])
      .default('results')
      .describe('What is kept of a finished run: its measurements and its report, or also its models.'),
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
