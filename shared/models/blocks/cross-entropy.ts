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
  const [rows, classes] = logits.shape as [number, number];
  const entropy = withGradient(
    tf,
    (scores) => {
      const shares = tf.softmax(scores!);
      // Of rows that are not counted any place will do.
      const starts = tf.tensor1d(
        Int32Array.from({ length: rows }, (_, row) => row * classes),
        'int32',
      );
      const places = tf.add(starts, tf.maximum(labels, tf.scalar(0, 'int32')));
      const ofLabels = tf.gather(tf.reshape(scores!, [-1]), places as never);
      const wanted =
        smoothing === 0 ? ofLabels : tf.add(tf.mul(ofLabels, 1 - smoothing), tf.mul(tf.mean(scores!, 1), smoothing));
      // The largest share is one over the sum of the exponentials of scores less the largest one.
      const largest = tf.max(shares, 1);
      const losses = tf.sub(tf.sub(tf.max(scores!, 1), wanted), tf.log(largest));
      const isCounted = tf.sub(1, isNumber(tf, labels, ignoredLabel));
      const weights = tf.div(isCounted, tf.maximum(tf.sum(isCounted), 1));
      return { value: tf.sum(tf.mul(losses, weights)), keep: [shares, places, weights, largest] };
    },
    (dy, [shares, places, weights, largest]) => {
      const spread = smoothing === 0 ? shares! : tf.sub(shares!, smoothing / classes);
      const others = tf.reshape(spread, [-1]);
      // The label's is the only place of a row where something else is to be written, so a table of zeros and ones is spared.
      const ofLabels = tf.sub(tf.gather(others, places as never), 1 - smoothing);
      // No share is larger than 1. The places wait for the largest ones, so that a compiled step writes over the shares when it has read them all.
      const at = tf.reshape(tf.add(places!, tf.cast(tf.greater(largest!, 2), 'int32')), [-1, 1]);
      const table = tf.tensorScatterUpdate(others as never, at as never, ofLabels as never);
      // In the end, so that a compiled step may do it behind the products that read the table.
      return tf.mul(tf.reshape(table, [rows, classes]), tf.reshape(tf.mul(weights!, dy), [-1, 1]));
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
