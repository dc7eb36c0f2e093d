/** Settings that every text format has. */
import { z } from 'zod';
import { testSetSchema } from '../test-set.ts';

const columnName = () => z.string().min(1).optional();

const samples = z
  .union([z.number().gt(0).lt(1), z.int().min(1), z.literal('all')])
  .default('all')
  .describe(
    'How many rows to use: a share below 1, a number, or all. They are chosen by the seed, with each label in its proportion. Validation rows are held out of them, unless `validationPath` names others.',
  );

const path = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .refine((paths) => [paths].flat().every((each) => !each.startsWith('s3://') || !/[*[{]/.test(each)), {
    error: 'has a pattern in S3, where files are not looked for: give a list of them, or copy them here',
  })
  .describe(
    'The file, a list of files, a folder of shards, or a pattern, e.g. data/train-*.parquet. Several files are one data set, in the order of the list or of their names. Files may be compressed by gzip or zstd. A relative path starts at the folder of the run file; s3://... is downloaded.',
  );

const split = z
  .string()
  .min(1)
  .optional()
  .describe(
    'The split to use, e.g. train, if a folder or a pattern has several. Splits are found by the names of files (train-00000-of-00003.parquet, train.csv), or are those in a folder of the `datasets` library.',
  );

const validationSplit = z
  .string()
  .min(1)
  .optional()
  .describe(
    'The split at `path` with validation data, e.g. validation. All its rows are used. It needs `split`, and excludes `validationPath`.',
  );

const validationPath = z
  .string()
  .min(1)
  .optional()
  .describe(
    'A file, a folder or a pattern of the same form with validation data. All its rows are used. Absent: `training.validation` of the rows are held out.',
  );

const skipBadRows = z
  .union([z.boolean(), z.number().gt(0).lt(1), z.int().min(1)])
  .optional()
  .describe(
    "Whether rows that can't be used are left out: rows without a text, broken rows, rows with an unknown label. true: all of them; a whole number: at most so many; below 1: at most this share of the rows. A warning and run.json count and list them. Absent: such rows are errors.",
  );

const packing = z
  .boolean()
  .default(false)
  .describe(
    'For causal-lm: whether several texts, chats or completions share a row of `model.maxTokens`. They stay separate: no text sees another, positions begin anew at each, and no first token is predicted. `training.batchSize` counts these rows.',
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
        'The text. Absent: `text`, or the only column with a usual name (sentence, review, content, ...), which a note names.',
      ),
      textPair: z
        .union([z.string().min(1), z.literal(false)])
        .optional()
        .describe(
          'The second text of pairs. Absent: `text_pair` if the file has it, or the second column of a usual pair (premise and hypothesis, question1 and question2, ...). false: there are no pairs.',
        ),
      label: z
        .union([z.string().min(1), z.literal(false)])
        .optional()
        .describe(
          'The label, the list of labels, or the number that is predicted. Absent: if labels are learnt, `label`, or the only column with a usual name (labels, target, class, category, sentiment, ...). false: labels are ignored. If labels are not learnt, a column that is named here keeps its proportions in samples and splits.',
        ),
      labels: z
        .array(z.string().min(1))
        .min(2)
        .refine((names) => new Set(names).size === names.length, 'names the same column twice')
        .optional()
        .describe('Columns of zeros and ones, one for each label, for rows with several labels. It replaces `label`.'),
      messages: columnName().describe(
        'Chats, for causal-lm: lists of `role` and `content`, or of `from` and `value` (ShareGPT). Absent: `messages` or `conversations`, if the file has no `text`.',
      ),
      prompt: columnName().describe(
        'Prompts, for causal-lm. Absent, if the file has no `text`: `prompt` if there is `completion`, or `instruction` if there is `output` (Alpaca).',
      ),
      input: columnName().describe(
        'For causal-lm: the input of an instruction. For seq2seq: the text. Absent: `input` if there is `instruction`.',
      ),
      completion: columnName().describe('For causal-lm: the text that is learnt after a prompt. Absent: see `prompt`.'),
      target: columnName().describe(
        'For seq2seq: the target of a text. Absent: the only column with a usual name beside that of the text (text and summary, input and target, prompt and completion, question and answer, instruction and output, ...).',
      ),
      words: columnName().describe(
        'Lists of words, for token-classification. Absent: `tokens` or `words`, which a note names.',
      ),
      tags: columnName().describe(
        'Lists of tags, one for each word, for token-classification. Absent: the only column with a usual name (ner_tags, tags, labels, pos_tags, ...), which a note names.',
      ),
    })
    .prefault({})
    .describe('Names of the columns.'),
  lossOn: z
    .enum(['completion', 'all'])
    .optional()
    .describe(
      'For causal-lm: the tokens of chats, and of prompts with completions, that are learnt. completion: what the assistant says, or the completion. all: every token. Absent: completion.',
    ),
  labels: z
    .array(z.string().min(1))
    .min(2)
    .refine((names) => new Set(names).size === names.length, 'names the same label twice')
    .optional()
    .describe(
      'Names of the labels, in the order of the classes. A file may have the names, or their numbers from 0. Absent: numbers from 0 to n-1 are kept; anything else is sorted.',
    ),
  labelDelimiter: z
    .string()
    .min(1)
    .optional()
    .describe('The separator of labels in one text, e.g. `;`. A row may then have several labels.'),
};

const plainSchema = z.object(plainSettings);
const columnSchema = z.object(columnSettings);
/** Settings that every format of texts has. */
export type PlainSettings = z.output<typeof plainSchema>;
/** Settings of every format of texts with columns. */
export type ColumnSettings = z.output<typeof columnSchema>;
