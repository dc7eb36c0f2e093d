/** The names of the solvers, the fastest first. */
export const solverNames = ['openblas', 'accelerate', 'wasm', 'portable'] as const;
export type SolverName = (typeof solverNames)[number];

/** What can be asked for: a solver by name, or the best that works here. */
export const solverChoices = ['auto', ...solverNames] as const;
export type SolverChoice = (typeof solverChoices)[number];

/** Computes the squared singular values of one dense matrix, in the calling thread. */
export interface EigenvalueSolver {
  readonly name: SolverName;
  /** For the run's record: with what else its last bits depend on, e.g. `openblas 0.3.21 Zen`. */
  readonly version: string;
  /**
   * The min(rows, columns) squared singular values of a row-major matrix of finite numbers, ascending, none below 0;
   * those of a rank-deficient matrix come out as 0 or as noise below `noiseFloor`.
   */
  squaredSingularValues(rows: number, columns: number, data: MatrixData): Float64Array;
}

/** A row-major matrix of finite numbers: in memory, or fetched as it is needed. */
export type MatrixData = Float32Array | Float64Array | FetchedRows;

/** The rows of a matrix that is too large to hold. */
export interface FetchedRows {
  /** Largest magnitude of all entries. */
  readonly largest: number;
  /** `count` rows from `start` on; what was fetched before may be overwritten. */
  fetch(start: number, count: number): Float32Array | Float64Array;
}

/** A way to have a solver: one file, one line in the registry. */
export interface SolverFactory {
  /** @throws Error that says what is missing where it can't be had here. */
  open(): EigenvalueSolver;
}

/** A matrix as its Gram matrix of the shorter side is taken: `order` vectors of `length`, times a power of two. */
export interface ScaledMatrix {
  readonly order: number;
  readonly length: number;
  /** Steps between vectors, and between the entries of one. */
  readonly vectorStep: number;
  readonly entryStep: number;
  /** Power of two that brings the largest magnitude to between 1 and 2; exact, and no square can over- or underflow. */
  readonly factor: number;
  /** Entries `start` .. `start + depth` of every vector; slabs are to be taken in order, each once. */
  slab(start: number, depth: number): Slab;
}

/** Where entries lie: that of vector v with index `start + k` is `data[from + v * vectorStep + k * entryStep]`. */
export interface Slab {
  readonly data: Float32Array | Float64Array;
  readonly from: number;
}

/** Orients and scales a row-major matrix; undefined when it is all zeros. */
export function scaleMatrix(rows: number, columns: number, data: MatrixData): ScaledMatrix | undefined {
  const fetched = 'fetch' in data;
  const largest = fetched ? data.largest : largestMagnitude(data);
  if (largest === 0) return undefined;
  const factor = 2 ** -Math.max(-1000, Math.floor(Math.log2(largest)));
  if (rows > columns) {
    const slab = fetched
      ? (start: number, depth: number) => ({ data: data.fetch(start, depth), from: 0 })
      : (start: number) => ({ data, from: start * columns });
    return { order: columns, length: rows, vectorStep: 1, entryStep: columns, factor, slab };
  }
  const whole = fetched ? data.fetch(0, rows) : data;
  const slab = (start: number) => ({ data: whole, from: start });
  return { order: rows, length: columns, vectorStep: columns, entryStep: 1, factor, slab };
}

/** Eigenvalues of a scaled Gram matrix (overwritten) as those of the matrix itself: ascending, none below 0. */
export function unscaleEigenvalues(eigenvalues: Float64Array, factor: number): Float64Array {
  const unscale = 1 / factor;
  for (let i = 0; i < eigenvalues.length; i++) eigenvalues[i] = Math.max(0, eigenvalues[i]!) * unscale * unscale;
  return eigenvalues.sort();
}

function largestMagnitude(data: Float32Array | Float64Array): number {
  let largest = 0;
  for (let i = 0; i < data.length; i++) {
    const magnitude = Math.abs(data[i]!);
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

/** Keeps an array for reuse, so that a long run of matrices allocates no more than the largest needs. */
export function reusedFloat64Array(): (length: number) => Float64Array {
  let kept = new Float64Array();
  return (length) => {
    if (kept.length < length) kept = new Float64Array(length);
    return kept.subarray(0, length);
  };
}
