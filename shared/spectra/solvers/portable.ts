import { compiledInOrder } from './in-order.ts';
import {
  type EigenvalueSolver,
  type ScaledMatrix,
  type SolverFactory,
  scaleMatrix,
  unscaleEigenvalues,
} from './solver.ts';
import { tridiagonalEigenvalues } from './tridiagonal.ts';

/** Squares below this are as good as zero beside the entries of a Gram matrix scaled to about 1. */
const negligible = 1e-280;

/** Smaller matrices are solved before a compiled kernel has its packed. */
const leastCompiled = 8;

/**
 * Float64 anywhere, to the same bits: Gram matrix of the shorter side, Householder tridiagonalisation, implicit QL. Compiled where the
 * runtime has WebAssembly with SIMD, else in plain TypeScript.
 */
export const portableSolver: EigenvalueSolver = {
  name: 'portable',
  version: 'portable',
  squaredSingularValues(rows, columns, data) {
    const compiled = Math.min(rows, columns) < leastCompiled ? undefined : compiledInOrder(Math.min(rows, columns));
    const matrix = scaleMatrix(rows, columns, data);
    if (!matrix) return new Float64Array(Math.min(rows, columns));
    return compiled ? compiled(matrix) : solveInTypeScript(matrix);
  },
};

/** The squared singular values of a scaled matrix, ascending. */
export function solveInTypeScript(matrix: ScaledMatrix): Float64Array {
  const { order, length, factor } = matrix;
  const { diagonal, offDiagonal } = tridiagonalise(order, gramOfRows(order, length, copyScaled(matrix)));
  return unscaleEigenvalues(tridiagonalEigenvalues(diagonal, offDiagonal), factor);
}

export const portable: SolverFactory = { open: () => portableSolver };

/** The vectors one after the other, scaled. */
function copyScaled(matrix: ScaledMatrix): Float64Array {
  const { order, length, vectorStep, entryStep, factor } = matrix;
  const { data, from } = matrix.slab(0, length);
  const copy = new Float64Array(order * length);
  let at = 0;
  for (let vector = 0; vector < order; vector++) {
    const first = from + vector * vectorStep;
    for (let entry = 0; entry < length; entry++) copy[at++] = data[first + entry * entryStep]! * factor;
  }
  return copy;
}

/** Lower triangle (row-major, `order` x `order`) of A A^T for A `[order, length]`, four rows against two at a time. */
function gramOfRows(order: number, length: number, matrix: Float64Array): Float64Array {
  const gram = new Float64Array(order * order);
  const dot = (left: number, right: number) => {
    let sum = 0;
    for (let k = 0; k < length; k++) sum += matrix[left * length + k]! * matrix[right * length + k]!;
    return sum;
  };
  let row = 0;
  for (; row + 4 <= order; row += 4) {
    const r0 = row * length;
    const r1 = r0 + length;
    const r2 = r1 + length;
    const r3 = r2 + length;
    for (let column = 0; column < row + 4; column += 2) {
      const c0 = column * length;
      const c1 = c0 + length;
      let s00 = 0;
      let s01 = 0;
      let s10 = 0;
      let s11 = 0;
      let s20 = 0;
      let s21 = 0;
      let s30 = 0;
      let s31 = 0;
      for (let k = 0; k < length; k++) {
        const x = matrix[c0 + k]!;
        const y = matrix[c1 + k]!;
        const a = matrix[r0 + k]!;
        const b = matrix[r1 + k]!;
        const c = matrix[r2 + k]!;
        const d = matrix[r3 + k]!;
        s00 += a * x;
        s01 += a * y;
        s10 += b * x;
        s11 += b * y;
        s20 += c * x;
        s21 += c * y;
        s30 += d * x;
        s31 += d * y;
      }
      const at = row * order + column;
      gram[at] = s00;
      gram[at + 1] = s01;
      gram[at + order] = s10;
      gram[at + order + 1] = s11;
      gram[at + 2 * order] = s20;
      gram[at + 2 * order + 1] = s21;
      gram[at + 3 * order] = s30;
      gram[at + 3 * order + 1] = s31;
    }
  }
  for (; row < order; row++) {
    for (let column = 0; column <= row; column++) gram[row * order + column] = dot(row, column);
  }
  return gram;
}

/**
 * Householder reduction of a symmetric matrix, given by its lower triangle (overwritten), from the last row upwards.
 * `offDiagonal[i]` couples `diagonal[i - 1]` and `diagonal[i]`. After Golub and Van Loan, Matrix Computations, 8.3.1.
 */
function tridiagonalise(order: number, matrix: Float64Array): { diagonal: Float64Array; offDiagonal: Float64Array } {
  const diagonal = new Float64Array(order);
  const offDiagonal = new Float64Array(order);
  const reflector = new Float64Array(order);
  const product = new Float64Array(order);
  for (let last = order - 1; last > 0; last--) {
    const rowStart = last * order;
    diagonal[last] = matrix[rowStart + last]!;
    const neighbour = matrix[rowStart + last - 1]!;
    let tailSquares = 0;
    for (let k = 0; k < last - 1; k++) tailSquares += matrix[rowStart + k]! ** 2;
    if (tailSquares < negligible) {
      offDiagonal[last] = neighbour;
      continue;
    }
    const norm = Math.sqrt(tailSquares + neighbour * neighbour);
    const coupling = neighbour >= 0 ? -norm : norm;
    offDiagonal[last] = coupling;
    for (let k = 0; k < last - 1; k++) reflector[k] = matrix[rowStart + k]!;
    reflector[last - 1] = neighbour - coupling;
    const halfSquaredLength = norm * norm - neighbour * coupling;
    multiplySymmetric(order, last, matrix, reflector, product);
    let overlap = 0;
    for (let k = 0; k < last; k++) {
      product[k]! /= halfSquaredLength;
      overlap += reflector[k]! * product[k]!;
    }
    const shift = overlap / (2 * halfSquaredLength);
    for (let k = 0; k < last; k++) product[k]! -= shift * reflector[k]!;
    subtractSymmetricOuter(order, last, matrix, reflector, product);
  }
  diagonal[0] = matrix[0] ?? 0;
  return { diagonal, offDiagonal };
}

/** product = M vector for the leading `size` x `size` part of M, given by its lower triangle; two rows at a time. */
function multiplySymmetric(
  stride: number,
  size: number,
  matrix: Float64Array,
  vector: Float64Array,
  product: Float64Array,
): void {
  product.fill(0, 0, size);
  let row = 0;
  for (; row + 2 <= size; row += 2) {
    const first = row * stride;
    const second = first + stride;
    const v0 = vector[row]!;
    const v1 = vector[row + 1]!;
    const corner = matrix[second + row]!;
    let sum0 = matrix[first + row]! * v0 + corner * v1;
    let sum1 = corner * v0 + matrix[second + row + 1]! * v1;
    for (let k = 0; k < row; k++) {
      const a = matrix[first + k]!;
      const b = matrix[second + k]!;
      const v = vector[k]!;
      sum0 += a * v;
      sum1 += b * v;
      product[k]! += a * v0 + b * v1;
    }
    product[row]! += sum0;
    product[row + 1]! += sum1;
  }
  if (row < size) {
    const start = row * stride;
    const v0 = vector[row]!;
    let sum = matrix[start + row]! * v0;
    for (let k = 0; k < row; k++) {
      const a = matrix[start + k]!;
      sum += a * vector[k]!;
      product[k]! += a * v0;
    }
    product[row]! += sum;
  }
}

/** M -= u w^T + w u^T on the lower triangle of the leading `size` x `size` part. */
function subtractSymmetricOuter(
  stride: number,
  size: number,
  matrix: Float64Array,
  u: Float64Array,
  w: Float64Array,
): void {
  for (let row = 0; row < size; row++) {
    const start = row * stride;
    const ui = u[row]!;
    const wi = w[row]!;
    for (let k = 0; k <= row; k++) matrix[start + k]! -= ui * w[k]! + wi * u[k]!;
  }
}
