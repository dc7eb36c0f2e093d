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
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .refine((paths) => [paths].flat().every((each) => !each.startsWith('s3://') || !/[*[{]/.test(each)), {
    error: 'has a pattern in S3, where files are not looked for: give a list of them, or copy them here',
  })
  .describe(
    'The file, a list of files, a folder of shards, or a pattern, e.g. data/train-*.parquet: one data set, in the order of the list or of names. Files may be packed by gzip or zstd; a relative path counts from the run file, s3://... is fetched.',
  );

const split = z
  .string()
  .min(1)
  .optional()
  .describe(
    'The part of the data set to use, e.g. train, where a folder or a pattern has several: by the names of files (train-00000-of-00003.parquet, train.csv), or of parts of a folder of the `datasets` library.',
  );

const validationSplit = z
  .string()
  .min(1)
  .optional()
  .describe(
    'The part at `path` to validate on, in full, e.g. validation; it goes with `split` and without `validationPath`.',
  );

const validationPath = z
  .string()
  .min(1)
  .optional()
  .describe(
    'A file, a folder or a pattern of the same form to validate on, in full; absent: `training.validation` of the rows are held out.',
  );

const skipBadRows = z
  .union([z.boolean(), z.number().gt(0).lt(1), z.int().min(1)])
  .optional()
  .describe(
    "Whether rows that can't be used (without a text, broken, with an unknown label) are left out, counted and listed in a warning and in run.json: true, or at most so many, or at most such a share of the rows. Absent: they are refused.",
  );

const packing = z
  .boolean()
  .default(false)
  .describe(
    'For causal-lm: whether several texts, chats or completions share a row of `model.maxTokens`, kept apart: none sees another, positions begin again at each, and the first token of none is predicted. `training.batchSize` counts such rows.',
  );

/** The settings of formats that have no columns. */
export const plainSettings = {
  path,
  split,
  validationPath,
  validationSplit,
  samples,
  skipBadRows,
  packing,
  test: testSetSchema,
};

/** The settings of formats that have columns. */
export const columnSettings = {
  ...plainSettings,
  columns: z
    .strictObject({
      text: columnName().describe(
        'The text; absent: `text`, or the one column of a usual name (sentence, review, content, ...), which a note says.',
      ),
      textPair: z
        .union([z.string().min(1), z.literal(false)])
        .optional()
        .describe(
          'The second text of pairs; absent: `text_pair`, where the file has it, or that of usual pairs (premise and hypothesis, question1 and question2, ...); false: texts are single ones.',
        ),
      label: z
        .union([z.string().min(1), z.literal(false)])
        .optional()
        .describe(
          'The label, the list of labels, or the number that is predicted; absent: `label`, or the one column of a usual name (labels, target, class, category, sentiment, ...), where labels are learnt and the file has it; false: labels are not looked at. Where they are not learnt, a column that is named keeps the proportions of samples and split.',
        ),
      labels: z
        .array(z.string().min(1))
        .min(2)
        .refine((names) => new Set(names).size === names.length, 'names the same column twice')
        .optional()
        .describe('Columns of zeros and ones, one for each label, where a row may have several; in place of `label`.'),
      messages: columnName().describe(
        'Chats, for causal-lm: lists of `role` and `content`, or of `from` and `value` (ShareGPT); absent: `messages` or `conversations`, where the file has no `text`.',
      ),
      prompt: columnName().describe(
        'Prompts, for causal-lm; absent: `prompt` beside `completion`, or `instruction` beside `output` (Alpaca), where the file has no `text`.',
      ),
      input: columnName().describe(
        'What a prompt is about, for causal-lm, or a text, for seq2seq; absent: `input` beside `instruction`.',
      ),
      completion: columnName().describe('What is learnt after a prompt, for causal-lm; absent: see `prompt`.'),
      target: columnName().describe(
        'What is written of the text, for seq2seq; absent: the one column of a usual name beside that of the text (text and summary, input and target, prompt and completion, question and answer, instruction and output, ...).',
      ),
      words: columnName().describe(
        'Lists of words, for token-classification; absent: `tokens` or `words`, which a note says.',
      ),
      tags: columnName().describe(
        'Lists of tags, one for each word, for token-classification; absent: the one column of a usual name (ner_tags, tags, labels, pos_tags, ...), which a note says.',
      ),
    })
    .prefault({})
    .describe('Names of the columns.'),
  lossOn: z
    .enum(['completion', 'all'])
    .optional()
    .describe(
      'What is learnt of chats and of prompts with completions, for causal-lm: what the assistant says, or the completion (`completion`, where it is not set), or every token (`all`).',
    ),
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
/** Settings that every format of texts has. */
export type PlainSettings = z.output<typeof plainSchema>;
/** Settings of every format of texts with columns. */
export type ColumnSettings = z.output<typeof columnSchema>;
