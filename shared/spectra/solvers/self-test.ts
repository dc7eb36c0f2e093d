import type { EigenvalueSolver } from './solver.ts';

const order = 45;
/** A bound of the spectrum. */
const largest = 4;
const tolerance = 1e-12;

/**
 * The difference matrix `[order + 1, order]` with its rows and columns in another order, so that nothing of its Gram
 * matrix is tridiagonal; its squared singular values are 2 - 2 cos(k pi / (order + 1)).
 */
function differences(): Float32Array {
  const data = new Float32Array((order + 1) * order);
  for (let k = 0; k < order; k++) {
    const column = (k * 7) % order;
    data[((k * 5) % (order + 1)) * order + column] = 1;
    data[(((k + 1) * 5) % (order + 1)) * order + column] = -1;
  }
  return data;
}

function transposed(data: Float32Array, rows: number, columns: number): Float32Array {
  return data.map((_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!);
}

/** @throws Error when the solver doesn't reproduce a spectrum that is known, from either side of the matrix. */
export function selfTest(solver: EigenvalueSolver): void {
  const tall = differences();
  const wide = transposed(tall, order + 1, order);
  for (const spectrum of [
    solver.squaredSingularValues(order + 1, order, tall),
    solver.squaredSingularValues(order, order + 1, wide),
  ]) {
    for (let k = 1; k <= order; k++) {
      const error = Math.abs(spectrum[k - 1]! - (2 - 2 * Math.cos((k * Math.PI) / (order + 1))));
      if (!(error <= tolerance * largest)) throw new Error(`its self-test is off by ${error.toExponential(1)}`);
    }
  }
}
