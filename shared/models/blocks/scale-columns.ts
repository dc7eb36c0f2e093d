import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { sumRows } from './sum-rows.ts';
import { withGradient } from './with-gradient.ts';

/** `[rows, columns]` times one number for each column, `[columns]`. */
export function scaleColumns(tf: TensorLibrary, x: Tensor, scales: Tensor): Tensor {
  const scaled = withGradient(
    tf,
    (rows, factors) => ({ value: tf.mul(rows!, factors!), keep: [rows!, factors!] }),
    (dy, [rows, factors]) => [tf.mul(dy, factors!), sumRows(tf, tf.mul(dy, rows!))],
  );
  return scaled(x, scales);
}
