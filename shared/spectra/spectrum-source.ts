/** Gives the squared singular values of one dense row-major matrix, ascending; at once, or later from another thread. */
export interface SpectrumSource {
  /** How many matrices keep it busy; 1 where it doesn't say. */
  readonly concurrency?: number;
  squaredSingularValues(
    rows: number,
    columns: number,
    data: Float32Array | Float64Array,
  ): Float64Array | Promise<Float64Array>;
}
