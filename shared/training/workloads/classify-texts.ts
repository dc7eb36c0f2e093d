import { RunError } from '../../core/errors.ts';
import { bucketBatches, bucketsFor } from '../../datasets/text/buckets.ts';
import type { TextRows } from '../../datasets/text/text-rows.ts';
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
  /** The most probable label. */
  readonly label: string;
  /** By label. */
  readonly probabilities: Readonly<Record<string, number>>;
  /** The label in the file, where it has labels. */
  readonly expected?: string;
}

/** Lengths that texts are padded to, at most so many. */
const lengthCount = 4;

/**
 * Labels texts.
 * @param options.rows their labels, where they have some, are places in `labels`
 * @returns the texts in their order, what the user should know of them, and an evaluation where they have labels
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
  readonly onProgress?: (done: number) => void;
}): Promise<{ texts: LabelledText[]; warnings: string[]; evaluation?: Evaluation }> {
  const { engine, model, tokenizer, parameters, labels, rows, batchSize, maxTokens } = options;
  const encoded = tokenizer.encode(rows.texts, rows.pairs, { maxLength: maxTokens });
  const tokens = encoded.ids.map(({ length }) => length);
  const lengths = bucketsFor(tokens, { count: lengthCount, multipleOf: lengthMultiple, maxLength: maxTokens });
  const batches = bucketBatches(tokens, lengths, batchSize);
  const request = { engine, model, tokenizer, texts: encoded, parameters, batches, seed: 0 };
  const logits = await logitsOf(request, labels.length, options.onProgress);
  const { truncated } = encoded;
  const warnings = [
    ...(truncated > 0 ? [`${truncated} of ${encoded.ids.length} texts are cut to ${maxTokens} tokens`] : []),
    ...unreadWarning(rows, encoded, tokenizer).map((warning) => `${warning}; their labels say nothing of them`),
  ];
  const found = largestOf(logits, labels.length);
  if (!found) {
    throw new RunError('the model gives results that are not numbers', {
      remedy: 'Its weights are damaged or too large: take another epoch of the run, or fetch the model again.',
    });
  }
  const texts = rows.rows.map((row, index): LabelledText => {
    const shares = softmax(logits.subarray(index * labels.length, (index + 1) * labels.length));
    return {
      row,
      label: labels[found[index]!]!,
      probabilities: Object.fromEntries(labels.map((label, place) => [label, shares[place]!])),
      ...(rows.labels ? { expected: labels[rows.labels[index]!]! } : {}),
    };
  });
  if (!rows.labels) return { texts, warnings };
  const { metrics, table } = evaluateClasses(logits, rows.labels, labels);
  return { texts, warnings, evaluation: { metrics, classes: table } };
}

/** In float64. */
function softmax(logits: Float32Array): number[] {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const exponentials = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = exponentials.reduce((a, b) => a + b);
  return exponentials.map((each) => each / sum);
}
