import type { Layer } from '../tensors/layer.ts';
import { elementCount } from '../tensors/tensor.ts';
import type { SpectraConfig } from './config.ts';
import { planFarms } from './farms-plan.ts';

/** A layer as work: `matrices` real matrices of `rows` x `columns`. */
export interface LayerSize {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly matrices: number;
  /** Square sub-matrices that are measured besides, where FARMS is asked for. */
  readonly farms?: { readonly side: number; readonly windows: number };
}

/** Floating-point operations of one matrix's spectrum: Gram matrix of the shorter side, tridiagonalisation. */
export function matrixFlops({ rows, columns }: Pick<LayerSize, 'rows' | 'columns'>): number {
  const order = Math.min(rows, columns);
  return order * order * Math.max(rows, columns) + (4 / 3) * order ** 3;
}

export function layerFlops({ matrices, farms, ...size }: LayerSize): number {
  const ofWindows = farms ? farms.windows * matrixFlops({ rows: farms.side, columns: farms.side }) : 0;
  return matrices * matrixFlops(size) + ofWindows;
}

/** Bytes of a layer's weight as float32. */
export const layerBytes = ({ rows, columns, matrices }: LayerSize): number =>
  rows * columns * matrices * Float32Array.BYTES_PER_ELEMENT;

/** How a layer comes apart into matrices, from the shapes of its weights. */
export function layerSize(
  layer: Layer,
  shapeOf: (weight: string) => readonly number[] | undefined,
  { conv1d, farms }: Pick<SpectraConfig, 'conv1d' | 'farms'>,
): LayerSize {
  const shapes = layer.weights.map((weight) => shapeOf(weight) ?? []);
  const size = sizeOfMatrices(layer, shapes, conv1d);
  const plan = farms && planFarms(layer.kind, shapes[0] ?? [], { conv1d, farms });
  return plan && 'windows' in plan ? { ...size, farms: { side: plan.side, windows: plan.windows } } : size;
}

function sizeOfMatrices(
  { name, kind, factors }: Layer,
  shapes: readonly (readonly number[])[],
  conv1d: SpectraConfig['conv1d'],
): LayerSize {
  if (kind === 'conv1d' && conv1d === 'rows') {
    const [, inputs = 0, taps = 0] = shapes[0] ?? [];
    const outputs = shapes.reduce((sum, [first = 0]) => sum + first, 0);
    return { name, rows: inputs, columns: taps, matrices: outputs };
  }
  if (factors === 'tucker') {
    const [rows = 0, columns = 0, ...modes] = shapes.slice(1).map(([side = 0]) => side);
    return { name, rows: 2 * rows, columns: 2 * columns, matrices: elementCount(modes) };
  }
  if (factors === 'blocks') {
    const [, , rows = 0, columns = 0] = shapes[0] ?? [];
    const blocks = shapes.reduce((sum, [, count = 0]) => sum + count, 0);
    return { name, rows: 2 * rows, columns: 2 * columns, matrices: blocks };
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
