import type { WeightTensor } from './tensor.ts';

/**
 * A small matrix with the same non-zero singular values as B A, for A `[r, in]` and B `[out, r]`: with the thin QR
 * factorisations B = Q R and A^T = P S it is R S^T, `[r, r]` (smaller still where a side is shorter than r).
 */
export function productCore(a: WeightTensor, b: WeightTensor): WeightTensor<Float64Array> {
  const [rank, inputs] = a.shape as [number, number];
  const [outputs] = b.shape as [number, number];
  const left = triangularFactor(outputs, rank, (row, column) => b.data[row * rank + column]!);
  const right = triangularFactor(inputs, rank, (row, column) => a.data[column * inputs + row]!);
  const data = new Float64Array(left.rows * right.rows);
  for (let i = 0; i < left.rows; i++) {
    for (let j = 0; j < right.rows; j++) {
      let sum = 0;
      for (let k = Math.max(i, j); k < rank; k++) sum += left.data[i * rank + k]! * right.data[j * rank + k]!;
      data[i * right.rows + j] = sum;
    }
  }
  return { shape: [left.rows, right.rows], data };
}

/** How a low-rank update, scale · B A, is added to a weight W. */
export interface LowRankUpdate {
  readonly scale: number;
  /** Whether W is stored `[in, out]`. */
  readonly transposed: boolean;
  /** The index of the first row in W that is given; absent: all rows are given. */
  readonly firstRow?: number;
}

/** W + scale * B A in float64, or the rows of it that are given of W. */
export function addProduct(
  weight: WeightTensor,
  a: WeightTensor,
  b: WeightTensor,
  { scale, transposed, firstRow = 0 }: LowRankUpdate,
): WeightTensor<Float64Array> {
  const [rows, columns] = weight.shape as [number, number];
  const rank = a.shape[0]!;
  const inputs = a.shape[1]!;
  const data = Float64Array.from(weight.data);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < rank; k++) {
      if (transposed) {
        const factor = scale * a.data[k * inputs + firstRow + row]!;
        for (let column = 0; column < columns; column++) {
          data[row * columns + column]! += factor * b.data[column * rank + k]!;
        }
      } else {
        const factor = scale * b.data[(firstRow + row) * rank + k]!;
        const start = k * inputs;
        for (let column = 0; column < columns; column++) {
          data[row * columns + column]! += factor * a.data[start + column]!;
        }
      }
    }
  }
  return { shape: weight.shape, data };
}

/** R of the QR factorisation of a `rows` x `columns` matrix by Householder reflections, min(rows, columns) rows of it. */
function triangularFactor(
  rows: number,
  columns: number,
  at: (row: number, column: number) => number,
): { rows: number; data: Float64Array } {
  const work = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) work[row * columns + column] = at(row, column);
  }
  const height = Math.min(rows, columns);
  for (let pivot = 0; pivot < height; pivot++) reflect(work, rows, columns, pivot);
  const data = new Float64Array(height * columns);
  for (let row = 0; row < height; row++) {
    data.set(work.subarray(row * columns + row, (row + 1) * columns), row * columns + row);
  }
  return { rows: height, data };
}

/** Makes the entries below the diagonal of column `pivot` zero, in place. */
function reflect(work: Float64Array, rows: number, columns: number, pivot: number): void {
  let norm = 0;
  for (let row = pivot; row < rows; row++) norm = Math.hypot(norm, work[row * columns + pivot]!);
  if (norm === 0) return;
  const head = work[pivot * columns + pivot]!;
  const target = head > 0 ? -norm : norm;
  const reflector = Float64Array.from({ length: rows - pivot }, (_, i) => work[(pivot + i) * columns + pivot]!);
  reflector[0] = head - target;
  const scale = 1 / (norm * (norm + Math.abs(head)));
  for (let column = pivot; column < columns; column++) {
    let overlap = 0;
    for (let row = pivot; row < rows; row++) overlap += reflector[row - pivot]! * work[row * columns + column]!;
    const factor = overlap * scale;
    for (let row = pivot; row < rows; row++) work[row * columns + column]! -= factor * reflector[row - pivot]!;
  }
}
