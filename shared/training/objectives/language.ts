import type { ProblemType } from '../../datasets/text/problem-type.ts';
import type { NamedTensors, Tensor, TensorLibrary } from '../../engines/engine.ts';
import { binaryCrossEntropy } from '../../models/blocks/binary-cross-entropy.ts';
import { crossEntropy, ignoredLabel } from '../../models/blocks/cross-entropy.ts';
import { type Dropout, maskedDropout } from '../../models/dropout.ts';
import type { LanguageModel, TokenBatch } from '../../models/language/model.ts';
import type { HostTensors } from '../../tensors/tensor.ts';
import type { Objective } from '../problem.ts';

/** Texts with what is to be found out about them. */
export interface LabelledBatch extends TokenBatch {
  /**
   * For a classifier `[batch]`, or `[batch, labels]` zeros and ones where a text may have several; the number of each text `[batch]`; else
   * `[batch, tokens]` the words themselves, or those that are written `[batch, targets]`, -100 where none is counted.
   */
  readonly labels: Tensor;
}

/** The settings of a loss besides model and batch. */
export interface LossOptions {
  /** The label smoothing, as in `crossEntropy`. */
  readonly labelSmoothing?: number;
  /** The problem type of a classifier; absent: each text has one label. */
  readonly problemType?: ProblemType | undefined;
  /** Of a classifier's labels, in their order; absent: all weigh alike. */
  readonly classWeights?: readonly number[] | undefined;
}

/** The settings of an objective: its task, and how it is computed. */
export interface ObjectiveOptions extends LossOptions {
  /** Whether blocks are computed again for the gradient, to the same loss; absent: no. */
  readonly recomputes?: boolean;
}

/**
 * Mean cross entropy over everything that is counted: texts; masked words; words that are written; for a causal model the word after each token. Of a model of several labels the
 * mean binary cross entropy, of one of numbers the mean squared error, as in `transformers`.
 * @param parameters trained and frozen ones
 */
export function languageLoss(
  tf: TensorLibrary,
  model: LanguageModel,
  parameters: NamedTensors,
  batch: LabelledBatch,
  dropout: Dropout,
  { labelSmoothing = 0, problemType, classWeights }: LossOptions = {},
): Tensor {
  const logits = model.forward(tf, parameters, batch, dropout);
  if (problemType === 'multi_label_classification') return binaryCrossEntropy(tf, logits, batch.labels);
  if (problemType === 'regression') return meanSquaredError(tf, tf.reshape(logits, [-1]), batch.labels);
  const labels = tf.cast(batch.labels, 'int32');
  const wanted = model.task === 'causal-lm' ? wordsAfter(tf, labels) : labels;
  const rows = tf.reshape(logits, [-1, logits.shape.at(-1)!]);
  return crossEntropy(tf, rows, tf.reshape(wanted, [-1]), { smoothing: labelSmoothing, weights: classWeights });
}

function meanSquaredError(tf: TensorLibrary, predictions: Tensor, targets: Tensor): Tensor {
  return tf.mean(tf.square(tf.sub(predictions, targets)));
}

/** The label of the next token at every token, none at the last. */
function wordsAfter(tf: TensorLibrary, labels: Tensor): Tensor {
  const [batch, tokens] = labels.shape as [number, number];
  const later = tf.slice(labels, [0, 1], [batch, tokens - 1]);
  return tf.concat([later, tf.fill([batch, 1], ignoredLabel, 'int32')], 1);
}

/** Texts as a model takes them, of the inputs of these names. */
export function textsOf(inputs: NamedTensors): TokenBatch {
  const { inputIds, attentionMask, tokenTypeIds, segments, positions, decoderIds } = inputs;
  return {
    inputIds: inputIds!,
    attentionMask: attentionMask!,
    ...(tokenTypeIds ? { tokenTypeIds } : {}),
    ...(segments ? { packed: { segments, positions: positions! } } : {}),
    ...(decoderIds ? { decoderIds } : {}),
  };
}

const maskPrefix = 'dropout/';

/** Dropout masks as inputs of the objective. */
export const maskInputs = (masks: HostTensors): HostTensors =>
  new Map([...masks].map(([site, mask]) => [maskPrefix + site, mask]));

/** Dropout by the masks among the inputs of an objective. */
export function dropoutIn(tf: TensorLibrary, inputs: NamedTensors): Dropout {
  const masks = Object.entries(inputs)
    .filter(([name]) => name.startsWith(maskPrefix))
    .map(([name, mask]) => [name.slice(maskPrefix.length), mask] as const);
  return maskedDropout(tf, Object.fromEntries(masks));
}

/**
 * `languageLoss` of the inputs of `textsOf`, `labels`, and the masks of `maskInputs`; what is fixed are the model's frozen tensors, by name.
 */
export function languageObjective(
  model: LanguageModel,
  { recomputes = false, ...options }: ObjectiveOptions = {},
): Objective {
  return {
    parameters: model.parameters,
    loss(tf, parameters, { fixed, inputs }) {
      const batch = { ...textsOf(inputs), labels: inputs.labels!, recomputes };
      return languageLoss(tf, model, { ...fixed, ...parameters }, batch, dropoutIn(tf, inputs), options);
    },
  };
}
