import { UserError } from '../../core/errors.ts';
import type { Chat } from './chats.ts';
import type { ColumnNames } from './column-names.ts';
import type { ProblemType } from './problem-type.ts';

/** The targets of texts; every list has an entry for each row. */
export interface TextTargets {
  /** With one label for each row: indices into `labelNames`. */
  readonly labels?: Int32Array;
  /** Of rows with any number of labels: places in `labelNames`, ascending. */
  readonly labelSets?: readonly (readonly number[])[];
  readonly labelNames?: readonly string[];
  /** With a number for each row, which is to be predicted. */
  readonly numbers?: Float64Array;
  /** With a tag for each word of each row: indices into `labelNames`. */
  readonly tags?: readonly Int32Array[];
}

/** Texts in memory, with what is known of them. Every list has an entry for each row. */
export interface TextRows extends TextTargets {
  readonly kind: 'text';
  readonly texts: readonly string[];
  /** The second text of each pair. */
  readonly pairs?: readonly string[];
  /** With an encoder-decoder: the text to write for each row. */
  readonly targets?: readonly string[];
  /** Of rows that come in words: these; their texts are the words with spaces between. */
  readonly words?: readonly (readonly string[])[];
  /** Whether `labelNames` stand in an order that the settings or the file give. */
  readonly labelsOrdered?: boolean;
  /** What a causal language model learns of each row, with what goes before it; absent: the texts as they are. */
  readonly chats?: readonly Chat[];
  /** Where each row stands in its file, from 1: its first line, as editors count them, or its row in a table. */
  readonly rows: readonly number[];
  readonly unit: RowUnit;
}

/** What row numbers count: in one file, or in several that are one data set, through all of which they go on. */
export type RowUnit = FileUnit | RowsOfFiles;
export type FileUnit = 'line' | 'row';

/** Several files that are one data set. */
export interface RowsOfFiles {
  readonly unit: FileUnit;
  /** The files in order, each with the number of the last row before it. */
  readonly files: readonly { readonly name: string; readonly before: number }[];
}

/** Rows that can't be used and were left out. */
export interface SkippedRows {
  readonly count: number;
  readonly of: number;
  /** The first reasons for skipping rows, in words. */
  readonly rows: readonly string[];
}

/** The rows of a text data set. */
export interface TextData {
  readonly kind: 'text';
  readonly examples: TextRows;
  /** Rows to validate on, from a file of their own. */
  readonly validation?: TextRows;
  /** Rows that the run is measured on when it ends. */
  readonly test?: TextRows;
  /** Names of the columns in the file; empty where it has none. */
  readonly columns: readonly string[];
  /** What the user should know of: texts that are in both sides, classes with one row, labels that contradict each other. */
  readonly warnings: readonly string[];
  /** The columns that were read; absent: the files have none. */
  readonly chosen?: ColumnNames;
  /** Bad rows that were left out, where the settings allow it; a side that had none is absent. */
  readonly skipped?: Readonly<Partial<Record<'training' | 'validation' | 'test', SkippedRows>>>;
}

/** The problem type that targets call for; undefined: rows have none. */
export function problemOf({ labels, labelSets, numbers }: TextTargets): ProblemType | undefined {
  if (labels) return 'single_label_classification';
  if (labelSets) return 'multi_label_classification';
  return numbers && 'regression';
}

/** The label of a row, or its labels or different tags, as places in their names; of rows with numbers none. */
export const placesOf = ({ labels, labelSets, tags }: TextTargets, index: number): readonly number[] =>
  labelSets?.[index] ?? (tags ? [...new Set(tags[index]!)] : labels ? [labels[index]!] : []);

/** The labels that some row has, as places in their names. */
export function foundPlaces({ labels, labelSets, tags }: TextTargets): Set<number> {
  if (!tags) return new Set(labels ?? labelSets?.flat());
  const found = new Set<number>();
  for (const row of tags) for (const tag of row) found.add(tag);
  return found;
}

/**
 * @returns what is learnt of them
 * @throws UserError when a data set has no labels, with the columns that could hold them, or a single one for all rows.
 */
export function requireLabels({ examples, columns }: TextData, path: string): ProblemType {
  const { labelNames, numbers } = examples;
  const problem = problemOf(examples);
  if (problem === 'single_label_classification' && labelNames?.length === 1) {
    throw new UserError(`every row has the label ${labelNames[0]}: there is nothing to tell apart`, {
      where: path,
      remedy: 'Add rows of other labels, or name all of them under `dataset.labels`.',
    });
  }
  if (numbers?.every((number) => number === numbers[0])) {
    throw new UserError(`every row has the number ${numbers[0]}: there is nothing to learn`, {
      where: path,
      remedy: 'Name the column of the numbers under `dataset.columns.label`.',
    });
  }
  if (problem !== undefined) return problem;
  const others = columns.filter((name) => name !== 'text').map((name) => JSON.stringify(name));
  throw new UserError('has no labels', {
    where: path,
    remedy:
      others.length > 0
        ? `Name their column under \`dataset.columns.label\`; it has ${others.join(', ')}.`
        : 'A classifier needs a column with the label of each text.',
  });
}

/** Whether a row has no text, or half a pair; only those of data that are read with `keepEmpty` may. */
export const isWithoutText = ({ texts, pairs }: TextRows, index: number): boolean =>
  texts[index] === '' || pairs?.[index] === '';

/** The rows at `indices`, in that order. */
export function selectRows(data: TextRows, indices: readonly number[]): TextRows {
  const { texts, pairs, targets, words, labels, labelSets, numbers, tags, chats, rows } = data;
  return {
    ...data,
    texts: indices.map((index) => texts[index]!),
    ...(pairs && { pairs: indices.map((index) => pairs[index]!) }),
    ...(targets && { targets: indices.map((index) => targets[index]!) }),
    ...(words && { words: indices.map((index) => words[index]!) }),
    ...(tags && { tags: indices.map((index) => tags[index]!) }),
    ...(labels && { labels: Int32Array.from(indices, (index) => labels[index]!) }),
    ...(labelSets && { labelSets: indices.map((index) => labelSets[index]!) }),
    ...(numbers && { numbers: Float64Array.from(indices, (index) => numbers[index]!) }),
    ...(chats && { chats: indices.map((index) => chats[index]!) }),
    rows: indices.map((index) => rows[index]!),
  };
}

/** `line 3`, or of several files `line 3 of b.jsonl`. */
export function rowInWords(unit: RowUnit, row: number): string {
  if (typeof unit === 'string') return `${unit} ${row}`;
  const file = unit.files.findLast(({ before }) => before < row)!;
  return `${unit.unit} ${row - file.before} of ${file.name}`;
}

/** `lines 3, 9 and 14`, or `lines 3, 9, 14, 20, 31 and 7 more`. */
export function listRows(unit: RowUnit, rows: readonly number[]): string {
  const shown = rows.length > 6 ? rows.slice(0, 5) : rows;
  const more = rows.length - shown.length;
  const isOneFile = typeof unit === 'string';
  const parts = [
    ...shown.map((row) => (isOneFile ? String(row) : rowInWords(unit, row))),
    ...(more > 0 ? [`${more} more`] : []),
  ];
  const last = parts.pop()!;
  const kind = isOneFile ? `${unit}${rows.length === 1 ? '' : 's'} ` : '';
  return `${kind}${parts.length > 0 ? `${parts.join(', ')} and ` : ''}${last}`;
}
