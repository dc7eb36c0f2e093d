import type { RowReader } from '../tensors/row-reader.ts';

/** Gives the squared singular values of one dense row-major matrix, ascending; at once, or later from another thread. */
export interface SpectrumSource {
  /** The number of matrices that keep it busy; absent: 1. */
  readonly concurrency?: number;
  squaredSingularValues(
    rows: number,
    columns: number,
    data: Float32Array | Float64Array,
  ): Float64Array | Promise<Float64Array>;
  /**
   * Of a matrix that is read as it is needed, with the largest magnitude of its entries; to the same bits. Of more rows than
   * columns only some are in memory at a time. Absent where the whole matrix has to be in memory.
   */
  squaredSingularValuesOfRows?(matrix: RowReader, largest: number): Promise<Float64Array>;
}
