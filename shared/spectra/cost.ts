import type { Layer } from '../tensors/layer.ts';
import { elementCount } from '../tensors/tensor.ts';
import type { SpectraConfig } from './config.ts';

/** A layer as work: `matrices` real matrices of `rows` x `columns`. */
export interface LayerSize {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly matrices: number;
}

/** Floating-point operations of one matrix's spectrum: Gram matrix of the shorter side, tridiagonalisation. */
export function matrixFlops({ rows, columns }: Pick<LayerSize, 'rows' | 'columns'>): number {
  const order = Math.min(rows, columns);
  return order * order * Math.max(rows, columns) + (4 / 3) * order ** 3;
}

export const layerFlops = (size: LayerSize): number => size.matrices * matrixFlops(size);

/** In float32, as it is read. */
export const layerBytes = ({ rows, columns, matrices }: LayerSize): number =>
  rows * columns * matrices * Float32Array.BYTES_PER_ELEMENT;

/** How a layer comes apart into matrices, from the shapes of its weights. */
export function layerSize(
  { name, kind, weights }: Layer,
  shapeOf: (weight: string) => readonly number[] | undefined,
  { conv1d }: Pick<SpectraConfig, 'conv1d'>,
): LayerSize {
  const shapes = weights.map((weight) => shapeOf(weight) ?? []);
  if (kind === 'conv1d' && conv1d === 'rows') {
    const [, inputs = 0, taps = 0] = shapes[0] ?? [];
    const outputs = shapes.reduce((sum, [first = 0]) => sum + first, 0);
    return { name, rows: inputs, columns: taps, matrices: outputs };
  }
  const [rows = 0, columns = 0] = shapes[0] ?? [];
  const taps = shapes.reduce((sum, shape) => sum + elementCount(shape.slice(2)), 0);
  return kind === 'spectralConv'
    ? { name, rows: 2 * rows, columns: 2 * columns, matrices: taps / 2 }
    : { name, rows, columns, matrices: taps };
}

/** Eigenvalues that a layer's spectrum has. */
export const eigenvalueCount = ({ kind }: Pick<Layer, 'kind'>, { rows, columns, matrices }: LayerSize): number =>
  (matrices * Math.min(rows, columns)) / (kind === 'spectralConv' ? 2 : 1);
