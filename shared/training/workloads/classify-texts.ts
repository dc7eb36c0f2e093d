import { RunError } from '../../core/errors.ts';
import { bucketBatches, bucketsFor } from '../../datasets/text/buckets.ts';
import type { ProblemType } from '../../datasets/text/problem-type.ts';
import {
  isWithoutText,
  listRows,
  placesOf,
  problemOf,
  selectRows,
  type TextRows,
} from '../../datasets/text/text-rows.ts';
import type { TextTokenizer } from '../../datasets/text/tokenizer.ts';
import type { Engine } from '../../engines/engine.ts';
import type { LanguageModel } from '../../models/language/model.ts';
import type { HostTensors } from '../../tensors/tensor.ts';
import { largestOf } from '../metrics/classification.ts';
import { labelsAbove, sigmoid, usualThreshold } from '../metrics/multi-label.ts';
import type { Evaluation } from '../workload.ts';
import { evaluateLogits, logitsOf } from './evaluate-texts.ts';
import { lengthMultiple } from './texts.ts';
import { unreadWarning } from './unread-texts.ts';

/** The prediction for one text; null where there is no text. */
export interface LabelledText {
  /** The row of the text in its file, from 1. */
  readonly row: number;
  /** The most probable label. */
  readonly label?: string | null;
  /** Where a text may have several: those whose probability is at least the threshold. */
  readonly labels?: readonly string[] | null;
  /** The predicted number, where the model predicts one. */
  readonly value?: number | null;
  /** The probabilities by label. */
  readonly probabilities?: Readonly<Record<string, number>> | null;
  /** The file's own label or number, where it has one. */
  readonly expected?: string | readonly string[] | number;
}

/** Lengths that texts are padded to, at most so many. */
const lengthCount = 4;

/**
 * Labels texts, or predicts their numbers; rows without a text stay without.
 * @param options.rows one at least has a text; their labels, where they have some, are places in `labels`
 * @param options.threshold of a label's probability, where a text may have several; absent: the usual one
 * @param options.onProgress told how many texts are done, of how many
 * @returns the rows in their order, what the user should know of them, and an evaluation of those with a text where they have labels
 * @throws RunError when the model gives what is not a number.
 */
export async function classifyTexts(options: {
  readonly engine: Engine;
  readonly model: LanguageModel;
  readonly tokenizer: TextTokenizer;
  readonly parameters: HostTensors;
  readonly problemType: ProblemType;
  readonly labels: readonly string[];
  readonly threshold?: number | undefined;
  readonly rows: TextRows;
  readonly batchSize: number;
  readonly maxTokens: number;
  readonly onProgress?: (done: number, total: number) => void;
}): Promise<{ texts: LabelledText[]; warnings: string[]; evaluation?: Evaluation }> {
  const { engine, model, tokenizer, parameters, labels, rows: all, batchSize, maxTokens, onProgress } = options;
  const { problemType, threshold = usualThreshold } = options;
  const indices = all.rows.map((_, index) => index);
  const rows = selectRows(
    all,
    indices.filter((index) => !isWithoutText(all, index)),
  );
  const encoded = await tokenizer.encode(rows.texts, rows.pairs, { maxLength: maxTokens, rows: model.vocabulary });
  const tokens = encoded.ids.map(({ length }) => length);
  const lengths = bucketsFor(tokens, { count: lengthCount, multipleOf: lengthMultiple, maxLength: maxTokens });
  const batches = bucketBatches(tokens, lengths, batchSize);
  const request = { engine, model, tokenizer, texts: encoded, parameters, batches, seed: 0 };
  const logits = await logitsOf(request, labels.length, (done) => onProgress?.(done, rows.texts.length));
  const { truncated } = encoded;
  const warnings = [
    ...emptyWarning(all),
    ...(truncated > 0 ? [`${truncated} of ${encoded.ids.length} texts are cut to ${maxTokens} tokens`] : []),
    ...unreadWarning(rows, encoded, tokenizer).map((warning) => `${warning}; their labels say nothing of them`),
  ];
  if (logits.some(Number.isNaN)) {
    throw new RunError('the model gives results that are not numbers', {
      remedy: 'Its weights are damaged or too large: take another epoch of the run, or fetch the model again.',
    });
  }
  const answerTo = answers[problemType];
  const found = new Map(
    rows.rows.map((row, index) => [
      row,
      answerTo(logits.subarray(index * labels.length, (index + 1) * labels.length), labels, threshold),
    ]),
  );
  const texts = all.rows.map(
    (row, index): LabelledText => ({
      row,
      ...(found.get(row) ?? noAnswer[problemType]),
      ...expectedOf(all, index, labels),
    }),
  );
  if (problemOf(rows) === undefined) return { texts, warnings };
  const { labelSets, ...known } = rows;
  const sets = labelSets && { labelSets: { sets: labelSets, classes: labels.length } };
  return { texts, warnings, evaluation: evaluateLogits(logits, { ...known, ...sets }, labels, threshold) };
}

type Answer = Omit<LabelledText, 'row' | 'expected'>;

const byLabel = (labels: readonly string[], values: readonly number[]) =>
  Object.fromEntries(labels.map((label, place) => [label, values[place]!]));

/** Turns the logits of one text into its prediction, by problem type. */
const answers: Readonly<
  Record<ProblemType, (logits: Float32Array, labels: readonly string[], threshold: number) => Answer>
> = {
  single_label_classification: (logits, labels) => ({
    label: labels[largestOf(logits, labels.length)![0]!]!,
    probabilities: byLabel(labels, softmax(logits)),
  }),
  multi_label_classification: (logits, labels, threshold) => ({
    labels: labelsAbove(logits, threshold).map((place) => labels[place]!),
    probabilities: byLabel(labels, Array.from(logits, sigmoid)),
  }),
  regression: ([value]) => ({ value: value! }),
};

const noAnswer: Readonly<Record<ProblemType, Answer>> = {
  single_label_classification: { label: null, probabilities: null },
  multi_label_classification: { labels: null, probabilities: null },
  regression: { value: null },
};

function expectedOf(rows: TextRows, index: number, labels: readonly string[]): Pick<LabelledText, 'expected'> {
  if (rows.numbers) return { expected: rows.numbers[index]! };
  const names = placesOf(rows, index).map((place) => labels[place]!);
  if (rows.labelSets) return { expected: names };
  return names.length > 0 ? { expected: names[0]! } : {};
}

/** A warning of rows that get no label; empty: there are none. */
function emptyWarning(all: TextRows): string[] {
  const empty = all.rows.filter((_, index) => isWithoutText(all, index));
  if (empty.length === 0) return [];
  const what =
    empty.length === 1 ? '1 row has no text and gets no label' : `${empty.length} rows have no text and get no label`;
  return [`${what}${problemOf(all) ? ', and metrics are of the others' : ''}: ${listRows(all.unit, empty)}`];
}

/** The softmax, in float64. */
function softmax(logits: Float32Array): number[] {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const exponentials = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = exponentials.reduce((a, b) => a + b);
  return exponentials.map((each) => each / sum);
}
