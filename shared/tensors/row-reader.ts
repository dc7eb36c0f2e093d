/** A matrix `[rows, columns]` that is too large to hold, read a few rows at a time. */
export interface RowReader {
  readonly rows: number;
  readonly columns: number;
  /** Rows `start` .. `start + count`, row-major; float64 where they are stored so. */
  read(start: number, count: number): Promise<Float32Array | Float64Array>;
}

/** Entries that are read at a time by `eachBlock`. */
const entriesPerBlock = 2 ** 22;

/** Every row of a range once, by default of the whole matrix, from the first to the last, some at a time. */
export async function* eachBlock(
  matrix: RowReader,
  first = 0,
  end = matrix.rows,
): AsyncGenerator<{
  readonly start: number;
  readonly count: number;
  readonly data: Float32Array | Float64Array;
}> {
  const most = Math.max(1, Math.floor(entriesPerBlock / matrix.columns));
  for (let start = first; start < end; start += most) {
    const count = Math.min(most, end - start);
    yield { start, count, data: await matrix.read(start, count) };
  }
}

/** The largest magnitude of all entries; NaN or infinite when an entry is. */
export async function largestMagnitude(matrix: RowReader): Promise<number> {
  let largest = 0;
  for await (const { data } of eachBlock(matrix)) {
    for (let i = 0; i < data.length; i++) {
      const magnitude = Math.abs(data[i]!);
      if (!(magnitude <= largest)) largest = magnitude;
      if (Number.isNaN(largest)) return largest;
    }
  }
  return largest;
}
