/** One row for each text, made of the encoder's rows for its tokens. */
import type { Tensor } from '../../engines/engine.ts';
import type { Pass } from './pass.ts';

/** `[batch * tokens, size]` to `[batch, size]`. */
export type Pool = (pass: Pass, hidden: Tensor) => Tensor;

/** The first token of every text. */
export const firstTokens: Pool = ({ tf, batch, tokens }, hidden) => {
  const size = hidden.shape[1]!;
  return tf.reshape(tf.slice(tf.reshape(hidden, [batch, tokens * size]), [0, 0], [batch, size]), [batch, size]);
};

/** The mean of every text's tokens, padding left out. */
export const meanTokens: Pool = ({ tf, batch, tokens, given }, hidden) => {
  const isToken = tf.cast(given.attentionMask, 'float32');
  const shares = tf.div(isToken, tf.sum(isToken, 1, true));
  const mean = tf.matMul(tf.reshape(shares, [batch, 1, tokens]), tf.reshape(hidden, [batch, tokens, -1]));
  return tf.reshape(mean, [batch, hidden.shape[1]!]);
};
