import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { withGradient } from './with-gradient.ts';

/**
 * Mean over all elements of the binary cross entropy of logits with targets from 0 to 1, both `[rows, labels]`. Its gradient is sigmoid(logits) less the
 * targets. Source: torch.nn.BCEWithLogitsLoss
 */
export function binaryCrossEntropy(tf: TensorLibrary, logits: Tensor, targets: Tensor): Tensor {
  const entropy = withGradient(
    tf,
    (scores) => {
      // Large logits of either sign stay finite.
      const losses = tf.add(
        tf.sub(tf.relu(scores!), tf.mul(scores!, targets)),
        tf.log1p(tf.exp(tf.neg(tf.abs(scores!)))),
      );
      return { value: tf.mean(losses), keep: [tf.sub(tf.sigmoid(scores!), targets)] };
    },
    (dy, [difference]) => tf.mul(difference!, tf.div(dy, difference!.size)),
  );
  return entropy(logits);
}
