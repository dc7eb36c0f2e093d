import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { withGradient } from './with-gradient.ts';

/**
 * Rows of a table `[rows, size]` by their numbers, an int32 list: `[numbers, size]`.
 * @param padding the row that gets no gradient
 */
export function lookUp(tf: TensorLibrary, table: Tensor, numbers: Tensor, padding?: number): Tensor {
  const rows = table.shape[0]!;
  const chosen = withGradient(
    tf,
    (from) => ({ value: tf.gather(from!, numbers as never), keep: [numbers] }),
    (dy, [at]) => {
      // A number outside the table is left out of the sums.
      const outside = tf.fill(at!.shape, -1, 'int32');
      const counted = padding === undefined ? at! : tf.where(tf.equal(at!, tf.scalar(padding, 'int32')), outside, at!);
      return tf.unsortedSegmentSum(dy, counted as never, rows);
    },
  );
  return chosen(table);
}
