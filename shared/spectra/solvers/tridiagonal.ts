import { RunError } from '../../core/errors.ts';

const mostIterations = 60;

export const notConverged = (eigenvalue: number, order: number): RunError =>
  new RunError(`eigenvalue ${eigenvalue} of ${order} did not converge in ${mostIterations} iterations`);

/**
 * Eigenvalues, in no order, of a symmetric tridiagonal matrix (both arguments are overwritten): implicit QL, Wilkinson
 * shifts. `offDiagonal[i]` couples `diagonal[i - 1]` and `diagonal[i]`.
 */
export function tridiagonalEigenvalues(diagonal: Float64Array, offDiagonal: Float64Array): Float64Array {
  const order = diagonal.length;
  offDiagonal.copyWithin(0, 1);
  offDiagonal[order - 1] = 0;
  let magnitude = 0;
  for (let i = 0; i < order; i++) magnitude = Math.max(magnitude, Math.abs(diagonal[i]!) + Math.abs(offDiagonal[i]!));
  const alwaysNegligible = magnitude * Number.EPSILON * 2 ** -8;
  const uncoupledFrom = (start: number) => {
    let end = start;
    while (end < order - 1) {
      const neighbours = Math.abs(diagonal[end]!) + Math.abs(diagonal[end + 1]!);
      if (Math.abs(offDiagonal[end]!) <= Number.EPSILON * neighbours + alwaysNegligible) break;
      end++;
    }
    return end;
  };
  for (let start = 0; start < order; start++) {
    let end = uncoupledFrom(start);
    for (let iteration = 0; end !== start; iteration++) {
      if (iteration === mostIterations) {
        throw notConverged(start, order);
      }
      implicitStep(diagonal, offDiagonal, start, end);
      end = uncoupledFrom(start);
    }
  }
  return diagonal;
}

/** One implicit QL step on rows start..end: a shift near `diagonal[start]` is chased from the end to the start. */
function implicitStep(diagonal: Float64Array, offDiagonal: Float64Array, start: number, end: number): void {
  const half = (diagonal[start + 1]! - diagonal[start]!) / (2 * offDiagonal[start]!);
  const root = Math.sqrt(half * half + 1);
  let bulge = diagonal[end]! - diagonal[start]! + offDiagonal[start]! / (half + (half >= 0 ? root : -root));
  let sine = 1;
  let cosine = 1;
  let carried = 0;
  for (let i = end - 1; i >= start; i--) {
    const f = sine * offDiagonal[i]!;
    const b = cosine * offDiagonal[i]!;
    const length = Math.sqrt(f * f + bulge * bulge);
    offDiagonal[i + 1] = length;
    if (length === 0) {
      diagonal[i + 1]! -= carried;
      offDiagonal[end] = 0;
      return;
    }
    sine = f / length;
    cosine = bulge / length;
    const centre = diagonal[i + 1]! - carried;
    const turned = (diagonal[i]! - centre) * sine + 2 * cosine * b;
    carried = sine * turned;
    diagonal[i + 1] = centre + carried;
    bulge = cosine * turned - b;
  }
  diagonal[start]! -= carried;
  offDiagonal[start] = bulge;
  offDiagonal[end] = 0;
}
