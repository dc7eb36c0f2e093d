import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { isNumber, numbersBelow } from './numbers.ts';
import { withGradient } from './with-gradient.ts';

/** A label that is not counted, as in PyTorch. */
export const ignoredLabel = -100;

/** Smaller than any sum of weights that counts. */
const leastWeight = 1e-30;

/**
 * Mean cross entropy of logits `[rows, classes]` with int32 labels `[rows]`, over the rows whose label is counted; 0 where
 * none is. Its gradient is softmax(logits) less what is wanted: 1 at the label. Source: torch.nn.CrossEntropyLoss
 * @param options.smoothing the share of what is wanted that all classes have evenly, in [0, 1]: `label_smoothing`
 * @param options.weights of the classes: the mean is weighted by those of the rows' labels: `weight`
 */
export function crossEntropy(
  tf: TensorLibrary,
  logits: Tensor,
  labels: Tensor,
  { smoothing = 0, weights: classWeights }: { smoothing?: number; weights?: readonly number[] | undefined } = {},
): Tensor {
  if (classWeights) return weightedCrossEntropy(tf, logits, labels, smoothing, classWeights);
  const classes = logits.shape[1]!;
  const entropy = withGradient(
    tf,
    (scores) => {
      const shifted = tf.sub(scores!, tf.max(scores!, 1, true));
      const exponentials = tf.exp(shifted);
      const sums = tf.sum(exponentials, 1, true);
      const chosen = tf.equal(tf.reshape(labels, [-1, 1]), numbersBelow(tf, classes));
      const isLabel = tf.cast(chosen, 'float32');
      const wanted = smoothing === 0 ? isLabel : tf.add(tf.mul(isLabel, 1 - smoothing), smoothing / classes);
      const losses = tf.sub(tf.log(sums), tf.sum(tf.mul(shifted, wanted), 1, true));
      const isCounted = tf.sub(1, isNumber(tf, labels, ignoredLabel));
      const counted = tf.div(isCounted, tf.maximum(tf.sum(isCounted), 1));
      const weights = tf.reshape(counted, [-1, 1]);
      return { value: tf.sum(tf.mul(losses, weights)), keep: [exponentials, sums, wanted, weights] };
    },
    (dy, [exponentials, sums, wanted, weights]) => {
      const scale = tf.mul(weights!, dy);
      return tf.sub(tf.mul(exponentials!, tf.div(scale, sums!)), tf.mul(wanted!, scale));
    },
  );
  return entropy(logits);
}

/** The same where classes have weights: each class's part of what is wanted is multiplied by its weight. */
function weightedCrossEntropy(
  tf: TensorLibrary,
  logits: Tensor,
  labels: Tensor,
  smoothing: number,
  classWeights: readonly number[],
): Tensor {
  const classes = logits.shape[1]!;
  const entropy = withGradient(
    tf,
    (scores) => {
      const shifted = tf.sub(scores!, tf.max(scores!, 1, true));
      const exponentials = tf.exp(shifted);
      const sums = tf.sum(exponentials, 1, true);
      const weightRow = tf.tensor2d([[...classWeights]]);
      const isLabel = tf.cast(tf.equal(tf.reshape(labels, [-1, 1]), numbersBelow(tf, classes)), 'float32');
      // Rows that are not counted have no label among the classes, and so no weight.
      const ofLabels = tf.mul(isLabel, weightRow);
      const rowWeights = tf.sum(ofLabels, 1, true);
      const isCounted = tf.reshape(tf.sub(1, isNumber(tf, labels, ignoredLabel)), [-1, 1]);
      const spread = tf.mul(tf.mul(weightRow, smoothing / classes), isCounted);
      const wanted = smoothing === 0 ? ofLabels : tf.add(tf.mul(ofLabels, 1 - smoothing), spread);
      const wantedSums = tf.sum(wanted, 1, true);
      const losses = tf.sub(tf.mul(tf.log(sums), wantedSums), tf.sum(tf.mul(shifted, wanted), 1, true));
      const total = tf.maximum(tf.sum(rowWeights), leastWeight);
      return { value: tf.div(tf.sum(losses), total), keep: [exponentials, tf.div(wantedSums, sums), wanted, total] };
    },
    (dy, [exponentials, shares, wanted, total]) =>
      tf.mul(tf.sub(tf.mul(exponentials!, shares!), wanted!), tf.div(dy, total!)),
  );
  return entropy(logits);
}
