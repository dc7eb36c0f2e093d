/** The record of what a model predicted of fields, beside what is true: small whatever the data are, and enough to draw from. */
import { z } from 'zod';
import { packedSchema } from './packed-values.ts';

const number = z.number().nullable();
const numbers = z.array(number).readonly();

/** An error by time step: its mean over the samples, and the smallest and the largest that a sample has. */
const errorSchema = z.strictObject({ mean: numbers, lowest: numbers, highest: numbers }).readonly();
export type ErrorBySteps = z.infer<typeof errorSchema>;

const frameSchema = z
  .strictObject({
    /** Place in `channels`. */
    channel: z.int().nonnegative(),
    /** The step of the roll-out, from 1. */
    step: z.int().positive(),
    /** `drawn` values, the last axis fastest. */
    predicted: packedSchema,
    true: packedSchema.optional(),
  })
  .readonly();

/** Why a sample is shown: by its error among all, or as one of the first where no error is known. */
const sampleChoices = ['best', 'median', 'worst', 'only', 'first'] as const;

const sampleSchema = z
  .strictObject({
    /** The row in the source file, from 0. */
    row: z.int().nonnegative(),
    choice: z.enum(sampleChoices),
    /** Means over all channels and time steps. */
    nRMSE: number.optional(),
    RMSE: number.optional(),
    frames: z.array(frameSchema).readonly(),
  })
  .readonly();
export type PredictedSample = z.infer<typeof sampleSchema>;

export const predictedFieldsSchema = z
  .strictObject({
    version: z.literal(1),
    /** The number of samples in all. */
    samples: z.int().positive(),
    /** The channels that are shown. */
    channels: z.array(z.string()).readonly(),
    channelCount: z.int().positive(),
    /** Time steps that the model was given: none of a static map. */
    window: z.int().nonnegative(),
    /** Time steps that it predicted. */
    steps: z.int().positive(),
    /** Space: points of the data, and the coordinates of the first and the last. */
    axes: z
      .array(z.strictObject({ name: z.string(), points: z.int(), from: z.number(), to: z.number() }).readonly())
      .readonly(),
    /** Points of a frame along its one or two axes; each is the mean of `block` points of the data. */
    drawn: z.array(z.int().positive()).readonly(),
    block: z.array(z.int().positive()).readonly(),
    /** Of three axes, where the frames cut the last one: the point, counted from 0. */
    slice: z.int().nonnegative().optional(),
    /** Over all samples and channels; absent where nothing is known to be true. */
    errors: z
      .strictObject({
        /** Of the roll-out, from 1 on: those that the numbers below are of. */
        steps: z.array(z.int().positive()).readonly(),
        nRMSE: errorSchema,
        RMSE: errorSchema,
        /** Means over the samples, of each channel that is shown. */
        byChannel: z.array(z.strictObject({ nRMSE: numbers, RMSE: numbers }).readonly()).readonly(),
        /** By which samples were chosen: nRMSE, unless a target is zero everywhere. */
        chosenBy: z.enum(['nRMSE', 'RMSE']),
      })
      .readonly()
      .optional(),
    shown: z.array(sampleSchema).readonly(),
  })
  .readonly();

/** What a model predicted of some samples, and how far off it was on all. */
export type PredictedFields = z.infer<typeof predictedFieldsSchema>;
