import { RunError } from '../../core/errors.ts';
import { bucketBatches, bucketsFor } from '../../datasets/text/buckets.ts';
import { isWithoutText, listRows, selectRows, type TextRows } from '../../datasets/text/text-rows.ts';
import type { TextTokenizer } from '../../datasets/text/tokenizer.ts';
import type { Engine } from '../../engines/engine.ts';
import type { LanguageModel } from '../../models/language/model.ts';
import type { HostTensors } from '../../tensors/tensor.ts';
import { evaluateClasses, largestOf } from '../metrics/classification.ts';
import type { Evaluation } from '../workload.ts';
import { logitsOf } from './evaluate-texts.ts';
import { lengthMultiple } from './texts.ts';
import { unreadWarning } from './unread-texts.ts';

/** What a classifier says of one text. */
export interface LabelledText {
  /** Where the text stands in its file, from 1. */
  readonly row: number;
  /** The most probable label; null where there is no text. */
  readonly label: string | null;
  /** By label. */
  readonly probabilities: Readonly<Record<string, number>> | null;
  /** The label in the file, where it has labels. */
  readonly expected?: string;
}

/** Lengths that texts are padded to, at most so many. */
const lengthCount = 4;

/**
 * Labels texts; rows without one stay without a label.
 * @param options.rows one at least has a text; their labels, where they have some, are places in `labels`
 * @param options.onProgress told how many texts are done, of how many
 * @returns the rows in their order, what the user should know of them, and an evaluation of those with a text where they have labels
 * @throws RunError when the model gives what is not a number.
 */
export async function classifyTexts(options: {
  readonly engine: Engine;
  readonly model: LanguageModel;
  readonly tokenizer: TextTokenizer;
  readonly parameters: HostTensors;
  readonly labels: readonly string[];
  readonly rows: TextRows;
  readonly batchSize: number;
  readonly maxTokens: number;
  readonly onProgress?: (done: number, total: number) => void;
}): Promise<{ texts: LabelledText[]; warnings: string[]; evaluation?: Evaluation }> {
  const { engine, model, tokenizer, parameters, labels, rows: all, batchSize, maxTokens, onProgress } = options;
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
  const found = largestOf(logits, labels.length);
  if (!found) {
    throw new RunError('the model gives results that are not numbers', {
      remedy: 'Its weights are damaged or too large: take another epoch of the run, or fetch the model again.',
    });
  }
  const answers = new Map(
    rows.rows.map((row, index) => {
      const shares = softmax(logits.subarray(index * labels.length, (index + 1) * labels.length));
      const probabilities = Object.fromEntries(labels.map((label, place) => [label, shares[place]!]));
      return [row, { label: labels[found[index]!]!, probabilities }];
    }),
  );
  const texts = all.rows.map(
    (row, index): LabelledText => ({
      row,
      ...(answers.get(row) ?? { label: null, probabilities: null }),
      ...(all.labels ? { expected: labels[all.labels[index]!]! } : {}),
    }),
  );
  if (!rows.labels) return { texts, warnings };
  const { metrics, table } = evaluateClasses(logits, rows.labels, labels);
  return { texts, warnings, evaluation: { metrics, classes: table } };
}

/** A warning of rows that get no label; empty: there are none. */
function emptyWarning(all: TextRows): string[] {
  const empty = all.rows.filter((_, index) => isWithoutText(all, index));
  if (empty.length === 0) return [];
  const what =
    empty.length === 1 ? '1 row has no text and gets no label' : `${empty.length} rows have no text and get no label`;
  return [`${what}${all.labels ? ', and metrics are of the others' : ''}: ${listRows(all.unit, empty)}`];
}

/** In float64. */
function softmax(logits: Float32Array): number[] {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const exponentials = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = exponentials.reduce((a, b) => a + b);
  return exponentials.map((each) => each / sum);
}
