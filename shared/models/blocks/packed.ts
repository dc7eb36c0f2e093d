/** Rows that several texts share, one after the other, with nothing known of each other. */
import type { Tensor, TensorLibrary } from '../../engines/engine.ts';

/** Which text each token of a row is of, and where it stands in it; both `[batch, tokens]`, int32. */
export interface PackedRows {
  /** The number of each token's text in its row, from 1; 0 for padding. */
  readonly segments: Tensor;
  /** The position of each token in its text, from 0; 0 for padding. */
  readonly positions: Tensor;
}

/** 1 where two tokens of a row are of the same text, `[batch, 1, tokens, tokens]`. */
export function sameText(tf: TensorLibrary, { segments }: PackedRows): Tensor {
  const [batch, tokens] = segments.shape as [number, number];
  const numbers = tf.cast(segments, 'int32');
  const isSame = tf.equal(tf.reshape(numbers, [batch, 1, tokens, 1]), tf.reshape(numbers, [batch, 1, 1, tokens]));
  return tf.cast(isSame, 'float32');
}

/** The rows of a fixed table `[positions, size]` at the positions of all tokens, `[batch, 1, tokens, size]`. */
export function atPositions(tf: TensorLibrary, table: Tensor, { positions }: PackedRows): Tensor {
  const [batch, tokens] = positions.shape as [number, number];
  const places = tf.reshape(tf.cast(positions, 'int32'), [-1]);
  return tf.reshape(tf.gather(table, places as never), [batch, 1, tokens, -1]);
}
