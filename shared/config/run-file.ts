/** The run file: its schema is put together from the features' own, and is the single source of types, checks and docs. */
import { z } from 'zod';
import { datasetFormats, datasetSchema, kindOf } from '../datasets/registry.ts';
import { computeSchema } from '../decisions/compute.ts';
import { budgetSchema, convergenceSchema } from '../decisions/config.ts';
import { modelSchema, takenBy } from '../models/registry.ts';
import { balanceConfigSchema, targetsOf } from '../schedules/config.ts';
import { trainingSchema } from '../training/config.ts';
import { directionOf, metricsFor } from '../training/metrics/names.ts';
import type { JsonSchema } from './schema-walk.ts';

const balanceSchema = z
  .union([z.literal('off'), balanceConfigSchema])
  .describe('How the rates of layers follow from their spectra, or `off` to train all at the base rate.');

const outputSchema = z
  .strictObject({
    folder: z
      .string()
      .min(1)
      .default('runs')
      .describe('Folder that gets a folder for each run; relative to the run file.'),
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'may only have letters, digits, ".", "_" and "-", and no leading dot')
      .optional()
      .describe("Name of the run; absent: the run file's name and the time."),
    keep: z
      .int()
      .positive()
      .default(2)
      .describe('Epochs whose weights are kept, besides the best; one more than 1 allows for a damaged file.'),
  })
  .describe('Where the results go.');

export const runFileSchema = z
  .strictObject({
    model: modelSchema,
    dataset: datasetSchema,
    training: trainingSchema.prefault({}),
    balance: balanceSchema.prefault({}),
    convergence: convergenceSchema.prefault({}),
    budget: budgetSchema.prefault({}),
    compute: computeSchema.prefault({}),
    output: outputSchema.prefault({}),
  })
  .superRefine(({ model, dataset, training, balance, convergence }, context) => {
    const wanted = takenBy(model);
    if (kindOf(dataset) !== wanted) {
      const formats = datasetFormats.filter(({ kind }) => kind === wanted).map(({ name }) => name);
      context.addIssue({
        code: 'custom',
        path: ['dataset', 'format'],
        message: `${dataset.format} does not go with model.family ${model.family}, which takes ${formats.join(', ')}`,
      });
    }
    if (model.family === 'huggingface' && model.head === 'fresh' && model.task !== 'classification') {
      context.addIssue({
        code: 'custom',
        path: ['model', 'head'],
        message: `fresh is for model.task classification; the head of ${model.task} is for the same words whatever the data`,
      });
    }
    if (balance !== 'off' && targetsOf(balance).includes('rho') && !training.sam) {
      context.addIssue({
        code: 'custom',
        path: ['balance', 'target'],
        message: 'rho is the radius of training.sam, which is not set; for example training.sam: { rho: 0.05 }',
      });
    }
    const { metric } = convergence;
    const offered = metricsFor(model);
    if (metric !== undefined && !offered.includes(metric)) {
      context.addIssue({
        code: 'custom',
        path: ['convergence', 'metric'],
        message: `is not measured of this model; there are: ${offered.join(', ')}`,
      });
    }
  })
  .transform((config) => {
    const metric = config.convergence.metric ?? metricsFor(config.model)[0]!;
    // In the same order whether it was given or not: requests are compared as they are written.
    const { metric: _, direction: __, ...others } = config.convergence;
    return { ...config, convergence: { metric, direction: directionOf(metric), ...others } };
  });

/** Sections that a word may stand for, and the setting that the word is. */
export const shorthands: Readonly<Record<string, string>> = { compute: 'target' };

/** A run's settings with every default filled in. */
export type RunConfig = z.infer<typeof runFileSchema>;

/** The run file's schema for editors. */
export function runFileJsonSchema(): JsonSchema {
  return z.toJSONSchema(runFileSchema, { io: 'input' }) as JsonSchema;
}
