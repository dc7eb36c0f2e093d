/**
 * FARMS (ICML 2025): alpha from sub-matrices of one fixed aspect ratio, which takes away the bias that the shape of a
 * layer puts on its alpha.
 */
import { UserError } from '../core/errors.ts';
import { formatShape } from '../tensors/tensor.ts';
import type { Matrix } from './matrices.ts';
import { pooled } from './pooled-spectrum.ts';
import type { SpectrumSource } from './spectrum-source.ts';

/** Where windows start along one side of a matrix. */
export type WindowPlacement =
  | { readonly step: number }
  /** At least 2, evenly spread from end to end. */
  | { readonly count: number };

/** Windows of `rows` x `columns`, so the aspect ratio is columns / rows. */
export interface FarmsWindows {
  readonly rows: number;
  readonly columns: number;
  readonly placement: WindowPlacement;
}

/** First index of every window of length `window` along a side of length `side`. */
export function windowStarts(side: number, window: number, placement: WindowPlacement): number[] {
  const room = side - window;
  const fixed = 'count' in placement;
  const step = fixed ? Math.max(1, Math.floor(room / (placement.count - 1))) : placement.step;
  const fitting = Math.max(1, Math.floor(room / step) + 1);
  const windows = fixed ? Math.min(placement.count, fitting) : fitting;
  return Array.from({ length: windows }, (_, index) => Math.min(index * step, room));
}

/**
 * Squared singular values of all windows of a row-major matrix, pooled, ascending.
 * @throws UserError when a window is larger than the matrix.
 */
export async function farmsEigenvalues(
  matrix: Pick<Matrix, 'rows' | 'columns' | 'data'>,
  windows: FarmsWindows,
  solver: SpectrumSource,
): Promise<Float64Array> {
  const { rows, columns } = windows;
  if (rows > matrix.rows || columns > matrix.columns) {
    throw new UserError(
      `windows of ${formatShape([rows, columns])} don't fit in a matrix of ${formatShape([matrix.rows, matrix.columns])}`,
    );
  }
  const pool: Float64Array[] = [];
  for (const top of windowStarts(matrix.rows, rows, windows.placement)) {
    for (const left of windowStarts(matrix.columns, columns, windows.placement)) {
      pool.push(await solver.squaredSingularValues(rows, columns, cut(matrix, top, left, rows, columns)));
    }
  }
  return pooled(pool);
}

/**
 * A convolution's spectra: its taps, given as matrices that are scaled already, are turned so that rows >= columns and
 * cut into disjoint blocks of rows of one aspect ratio (columns / rows when below 1, its inverse when above); each block
 * pools all taps. Every block has an alpha; the layer's is their mean.
 */
export async function farmsConvolution(
  taps: readonly Pick<Matrix, 'rows' | 'columns' | 'data'>[],
  aspectRatio: number,
  solver: SpectrumSource,
): Promise<Float64Array[]> {
  const upright = taps.map((tap) => (tap.rows >= tap.columns ? tap : transpose(tap)));
  const { rows, columns } = upright[0]!;
  const height = aspectRatio > 1 ? Math.floor(columns / aspectRatio) : columns;
  const width = aspectRatio > 1 ? columns : Math.floor(columns * aspectRatio);
  if (height < 1 || width < 1) {
    throw new UserError(
      `windows of aspect ratio ${aspectRatio} don't fit in a matrix of ${formatShape([rows, columns])}`,
    );
  }
  const blocks: Float64Array[] = [];
  for (let block = 0; block < Math.floor(rows / columns); block++) {
    const pool: Float64Array[] = [];
    for (const tap of upright) {
      pool.push(await solver.squaredSingularValues(height, width, cut(tap, block * height, 0, height, width)));
    }
    blocks.push(pooled(pool));
  }
  return blocks;
}

function cut(
  matrix: Pick<Matrix, 'columns' | 'data'>,
  top: number,
  left: number,
  rows: number,
  columns: number,
): Float64Array {
  const window = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const start = (top + row) * matrix.columns + left;
    window.set(matrix.data.subarray(start, start + columns), row * columns);
  }
  return window;
}

function transpose({ rows, columns, data }: Pick<Matrix, 'rows' | 'columns' | 'data'>) {
  const turned = new Float64Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) turned[column * rows + row] = data[row * columns + column]!;
  }
  return { rows: columns, columns: rows, data: turned };
}
