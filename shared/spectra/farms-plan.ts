/** Which sub-matrices FARMS takes of a layer; what they cost follows from it. */
import type { LayerKind } from '../tensors/layer.ts';
import { elementCount } from '../tensors/tensor.ts';
import type { SpectraConfig } from './config.ts';
import type { Refusal } from './power-law.ts';

/** The places of windows along one side of a matrix. */
export type WindowPlacement =
  | { readonly step: number }
  /** The number of windows, at least 2, evenly spread from end to end. */
  | { readonly count: number };

/** First index of every window of length `window` along a side of length `side`. */
export function windowStarts(side: number, window: number, placement: WindowPlacement): number[] {
  const room = side - window;
  const fixed = 'count' in placement;
  const step = fixed ? Math.max(1, Math.floor(room / (placement.count - 1))) : placement.step;
  const fitting = Math.max(1, Math.floor(room / step) + 1);
  const windows = fixed ? Math.min(placement.count, fitting) : fitting;
  return Array.from({ length: windows }, (_, index) => Math.min(index * step, room));
}

/** Square sub-matrices of a layer. */
interface FarmsPlan {
  /** `matrix`: windows of one matrix, pooled. `taps`: disjoint blocks of rows, each pooled over the taps, alphas averaged. */
  readonly from: 'matrix' | 'taps';
  /** Rows and columns of that matrix, or of each tap. */
  readonly rows: number;
  readonly columns: number;
  /** Rows of a sub-matrix, and its columns. */
  readonly side: number;
  readonly windows: number;
}

/**
 * The sub-matrices of a layer whose weight has this shape, or why there are none. A Conv1d by rows, whose own matrices may be single
 * columns, is taken as one matrix [out, in * k]; by taps it is taken as a Conv2d is.
 */
export function planFarms(
  kind: LayerKind,
  shape: readonly number[],
  { conv1d, farms }: { conv1d: SpectraConfig['conv1d']; farms: NonNullable<SpectraConfig['farms']> },
): FarmsPlan | Refusal {
  if (kind === 'spectralConv') return { refused: 'FARMS is not defined for spectral convolutions' };
  const isMatrix = kind === 'linear' || (kind === 'conv1d' && conv1d === 'rows');
  const [rows = 0, inputs = 0] = shape;
  const taps = elementCount(shape.slice(2));
  const columns = isMatrix ? inputs * taps : inputs;
  const [short, long] = [Math.min(rows, columns), Math.max(rows, columns)];
  const side = isMatrix ? Math.min(farms.side, short) : short;
  if (side < 2) return { refused: 'the matrix is too narrow for windows' };
  if (!isMatrix) return { from: 'taps', rows, columns, side, windows: Math.floor(long / short) * taps };
  const along = (length: number) => windowStarts(length, side, { count: farms.perSide }).length;
  return { from: 'matrix', rows, columns, side, windows: along(rows) * along(columns) };
}
