import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { sumRows } from './sum-rows.ts';
import { withGradient } from './with-gradient.ts';

/** The layout in which a dense layer's weight is stored. */
export interface DenseLayout {
  /** Whether the weight is `[in, out]`, as in GPT-2, instead of `[out, in]`. */
  readonly inputsFirst?: boolean;
}

/** A dense layer that is applied once: `[rows, in]` to `[rows, out]`. */
export function dense(
  tf: TensorLibrary,
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  { inputsFirst = false }: DenseLayout = {},
): Tensor {
  const product = withGradient(
    tf,
    (input, matrix) => ({ value: tf.matMul(input!, matrix!, false, !inputsFirst), keep: [input!, matrix!] }),
    (dy, [input, matrix]) => [
      tf.matMul(dy, matrix!, false, inputsFirst),
      inputsFirst ? tf.matMul(input!, dy, true, false) : tf.matMul(dy, input!, true, false),
    ],
  );
  return bias ? addBias(tf, product(x, weight), bias) : product(x, weight);
}

function addBias(tf: TensorLibrary, x: Tensor, bias: Tensor): Tensor {
  const shifted = withGradient(
    tf,
    (rows, offset) => ({ value: tf.add(rows!, offset!), keep: [] }),
    (dy) => [dy, sumRows(tf, dy)],
  );
  return shifted(x, bias);
}
