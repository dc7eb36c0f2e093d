import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { isNumber, numbersBelow } from './numbers.ts';
import { withGradient } from './with-gradient.ts';

/** A label that is not counted, as in PyTorch. */
export const ignoredLabel = -100;

/**
 * Mean cross entropy of logits `[rows, classes]` with int32 labels `[rows]`, over the rows whose label is counted; 0 where
 * none is. Its gradient is softmax(logits) less what is wanted: 1 at the label.
 * @param smoothing the share of what is wanted that all classes have evenly, in [0, 1]. Source: torch.nn.CrossEntropyLoss,
 * `label_smoothing`
 */
export function crossEntropy(tf: TensorLibrary, logits: Tensor, labels: Tensor, smoothing = 0): Tensor {
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
