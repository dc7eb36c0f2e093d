/** The settings of a data set of fields, which every format of them has. */
import { z } from 'zod';
import { axisNames } from './field-axes.ts';
import { normaliserKinds } from './normaliser.ts';
import { testSetSchema } from './test-set.ts';
import { validationSetSchema } from './validation-set.ts';

const stride = () => z.int().min(1).default(1);

const axisList = z.array(z.enum(axisNames)).min(1);

/**
 * The schema of a format.
 * @param name of the format.
 * @param description of its files, for docs.
 */
export const fieldSettings = <Name extends string>(name: Name, description: string) =>
  z
    .strictObject({
      format: z.literal(name).describe(description),
      path: z
        .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
        .describe(
          'The file, or a list of files with the same layout. Rows are numbered through all files. A relative path starts at the folder of the run file; s3://... is downloaded.',
        ),
      key: z
        .string()
        .min(1)
        .optional()
        .describe(
          'Name of the array with all trajectories; `data` if each sample is a group of the file. Absent, without `channels`: `tensor`, or the only array.',
        ),
      channels: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .describe(
          'Names of the arrays that are the channels, e.g. [density, Vx, pressure]. An array with an axis of channels gives several.',
        ),
      inputs: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .describe(
          "Names of arrays that the model gets as inputs and that don't change with time, such as a coefficient or a force. If the data have one time step, the model is a static map from these inputs. Absent: none; `nu` in PDEBench's files of Darcy flow.",
        ),
      axes: z
        .union([axisList, z.record(z.string(), axisList)])
        .optional()
        .describe(
          'The order of the axes, if the file does not tell it: e.g. [samples, time, x, y, channels], or such a list for each array by name. Axes: samples, time, x, y, z, channels.',
        ),
      subsample: z
        .strictObject({
          space: z
            .union([z.int().min(1), z.array(z.int().min(1)).min(1).max(3)])
            .default(1)
            .describe('Stride of grid points: one number for all space axes, or one for each, e.g. [2, 1].'),
          time: stride().describe('Stride of time steps.'),
          samples: stride().describe('Stride of trajectories.'),
        })
        .prefault({})
        .describe('Strides. 1 keeps everything.'),
      samples: z
        .union([z.int().min(1), z.literal('all')])
        .default('all')
        .describe('How many trajectories to use, after `subsample.samples`.'),
      choose: z
        .enum(['first', 'random'])
        .default('first')
        .describe('Which trajectories. first: the first of the file. random: chosen by the seed.'),
      window: z
        .int()
        .min(0)
        .default(10)
        .describe(
          'Number of time steps that the model gets. For a static map (`inputs` and data of one time step) it is 0, whatever this says.',
        ),
      rolloutSteps: z
        .union([z.int().min(1), z.literal('all')])
        .default('all')
        .describe('Number of time steps that are predicted after the window. Later ones are not read.'),
      normalise: z
        .enum(['none', ...normaliserKinds])
        .optional()
        .describe(
          'How each channel and each input is scaled for the model. The scales are fitted on the training samples. unitGaussian: mean 0, deviation 1. minMax: from 0 to 1. Metrics and predictions are in the units of the data. Absent: none.',
        ),
      validationPath: z
        .string()
        .min(1)
        .optional()
        .describe(
          'A file with validation data; all its rows are used. `training.validation` then holds nothing out. A relative path starts at the folder of the run file.',
        ),
      validation: validationSetSchema,
      test: testSetSchema,
    })
    .refine((config) => config.key === undefined || config.channels === undefined, {
      path: ['channels'],
      error: 'give either `key` or `channels`, not both',
    })
    .refine((config) => new Set(config.channels).size === (config.channels ?? []).length, {
      path: ['channels'],
      error: 'names the same array twice',
    })
    .refine((config) => new Set(config.inputs).size === (config.inputs ?? []).length, {
      path: ['inputs'],
      error: 'names the same array twice',
    })
    .refine((config) => config.validation === undefined || config.validationPath === undefined, {
      path: ['validation'],
      error: 'give either `validation` or `validationPath`, not both',
    });

/** Settings that every format of fields has. */
export type FieldSettings = z.output<ReturnType<typeof fieldSettings<string>>>;
