/** Settings that every text format has. */
import { z } from 'zod';
import { testSetSchema } from '../test-set.ts';

const columnName = () => z.string().min(1).optional();

const samples = z
  .union([z.number().gt(0).lt(1), z.int().min(1), z.literal('all')])
  .default('all')
  .describe(
    'How many rows to use: a share below 1, a number, or all. Chosen by the seed, with each label in its proportion; rows for validation are held out of them, unless `validationPath` names others.',
  );

const path = z
  .string()
  .min(1)
  .describe('The file, which may be gzipped; a relative path counts from the run file, s3://... is fetched.');

const validationPath = z
  .string()
  .min(1)
  .optional()
  .describe('A file of the same form to validate on, in full; absent: `training.validation` of the rows are held out.');

/** Of formats that are nothing but text. */
export const plainSettings = { path, validationPath, samples, test: testSetSchema };

/** Of formats with columns. */
export const columnSettings = {
  ...plainSettings,
  columns: z
    .strictObject({
      text: columnName().describe('The text; absent: `text`.'),
      textPair: columnName().describe('The second text of pairs; absent: `text_pair`, where the file has it.'),
      label: z
        .union([z.string().min(1), z.literal(false)])
        .optional()
        .describe(
          'The label, the list of labels, or the number that is predicted; absent: `label`, where labels are learnt and the file has it; false: labels are not looked at. Where they are not learnt, a column that is named keeps the proportions of samples and split.',
        ),
      labels: z
        .array(z.string().min(1))
        .min(2)
        .refine((names) => new Set(names).size === names.length, 'names the same column twice')
        .optional()
        .describe('Columns of zeros and ones, one for each label, where a row may have several; in place of `label`.'),
    })
    .prefault({})
    .describe('Names of the columns.'),
  labels: z
    .array(z.string().min(1))
    .min(2)
    .refine((names) => new Set(names).size === names.length, 'names the same label twice')
    .optional()
    .describe(
      'Names of the labels in the order of the classes; a file may hold names or places, from 0. Absent: numbers are kept if they are 0 to n-1, and anything else is put in order.',
    ),
  labelDelimiter: z
    .string()
    .min(1)
    .optional()
    .describe(
      'What separates the labels of a row where they stand in one text, e.g. `;`; a row may have several then.',
    ),
};

const plainSchema = z.object(plainSettings);
const columnSchema = z.object(columnSettings);
export type PlainSettings = z.output<typeof plainSchema>;
export type ColumnSettings = z.output<typeof columnSchema>;
