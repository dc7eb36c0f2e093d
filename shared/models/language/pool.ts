/** One row for each text, made of the encoder's rows for its tokens. */
import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { numbersBelow } from '../blocks/numbers.ts';
import type { Embedding } from './model.ts';
import type { Pass } from './pass.ts';

/** `[batch * tokens, size]` to `[batch, size]`. */
export type Pool = (pass: Pass, hidden: Tensor) => Tensor;

/** The first token of every text; rows that are these tokens already stay as they are. */
export const firstTokens: Pool = ({ tf, batch, tokens }, hidden) => {
  if (hidden.shape[0] === batch) return hidden;
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

/**
 * The last token of every text that is meant, `[batch * tokens, size]` to `[batch, size]`; the first one where none is.
 * @param isMeant 1 or 0, `[batch, tokens]`
 */
export function lastOf({ tf, batch, tokens }: Pass, hidden: Tensor, isMeant: Tensor): Tensor {
  const numbers = numbersBelow(tf, tokens);
  const last: Tensor = tf.max(tf.mul(isMeant, tf.cast(numbers, 'float32')), 1, true);
  const isLast: Tensor = tf.cast(tf.equal(numbers, tf.cast(last, 'int32')), 'float32');
  const picked = tf.matMul(tf.reshape(isLast, [batch, 1, tokens]), tf.reshape(hidden, [batch, tokens, -1]));
  return tf.reshape(picked, [batch, -1]);
}

/** Rows divided by their Euclidean length. */
export function normaliseRows(tf: TensorLibrary, rows: Tensor): Tensor {
  return tf.div(rows, tf.maximum(tf.sqrt(tf.sum(tf.square(rows), 1, true)), 1e-12));
}

/** Every text as one row, `[batch * tokens, size]` to `[batch, size]`. */
export function poolTexts(pass: Pass, hidden: Tensor, { pooling, normalise }: Embedding): Tensor {
  const rows = pooling === 'mean' ? meanTokens(pass, hidden) : firstTokens(pass, hidden);
  return normalise ? normaliseRows(pass.tf, rows) : rows;
}
