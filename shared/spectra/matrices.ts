import { UserError } from '../core/errors.ts';
import type { LayerKind } from '../tensors/layer.ts';
import { formatShape, type WeightTensor } from '../tensors/tensor.ts';
import type { Conv1dReading } from './config.ts';

/** A row-major matrix whose spectrum is wanted. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array | Float64Array;
  /** How often each singular value of the wanted matrix occurs in this one: 2 for the real form of a complex matrix. */
  readonly multiplicity: 1 | 2;
  /** Whether it is one of the many small matrices of a Conv1d by rows. */
  readonly isConv1dRow?: boolean;
}

/** Weight layout of each kind, as in error messages. */
const layouts: Readonly<Record<LayerKind, { readonly axes: readonly number[]; readonly text: string }>> = {
  linear: { axes: [2], text: '[out, in]' },
  conv1d: { axes: [3], text: '[out, in, k]' },
  conv2d: { axes: [4], text: '[out, in, kh, kw]' },
  conv3d: { axes: [5], text: '[out, in, kd, kh, kw]' },
  spectralConv: { axes: [4, 5, 6], text: '[in, out, ...modes, 2]' },
};

/**
 * The matrices whose singular values make up a layer's spectrum: a dense weight as it is; a convolution as one
 * `[out, in]` matrix per tap, times sqrt(0.5), or, in one dimension and by rows, as one `[in, k]` matrix per output; a spectral
 * convolution as one complex `[in, out]` matrix per kept mode.
 * @throws UserError when the weight hasn't the axes of its kind.
 */
export function* matricesOf(
  kind: LayerKind,
  name: string,
  weight: WeightTensor,
  conv1d: Conv1dReading,
): Generator<Matrix> {
  const { shape, data } = weight;
  const { axes, text } = layouts[kind];
  if (!axes.includes(shape.length) || (kind === 'spectralConv' && shape.at(-1) !== 2)) {
    throw new UserError(`its shape is ${formatShape(shape)}, but the weight of a ${kind} layer is ${text}`, {
      where: `tensor "${name}"`,
      remedy: 'The weights belong to another model than the one configured.',
    });
  }
  const [rows, columns] = shape as [number, number];
  if (kind === 'linear') {
    yield { rows, columns, data, multiplicity: 1 };
    return;
  }
  if (kind === 'conv1d' && conv1d === 'rows') {
    yield* rowMatrices(shape as [number, number, number], data);
    return;
  }
  const slices = shape.slice(2, kind === 'spectralConv' ? -1 : undefined).reduce((count, size) => count * size, 1);
  for (let slice = 0; slice < slices; slice++) {
    yield kind === 'spectralConv'
      ? modeMatrix(rows, columns, slices, slice, data)
      : tapMatrix(rows, columns, slices, slice, data);
  }
}

function* rowMatrices(
  [outputs, rows, columns]: readonly [number, number, number],
  data: Float32Array | Float64Array,
): Generator<Matrix> {
  const entries = rows * columns;
  for (let output = 0; output < outputs; output++) {
    const matrix = data.subarray(output * entries, (output + 1) * entries);
    yield { rows, columns, data: matrix, multiplicity: 1, isConv1dRow: true };
  }
}

function tapMatrix(
  rows: number,
  columns: number,
  taps: number,
  tap: number,
  data: Float32Array | Float64Array,
): Matrix {
  const matrix = new Float64Array(rows * columns);
  for (let i = 0; i < matrix.length; i++) matrix[i] = data[i * taps + tap]! * Math.SQRT1_2;
  return { rows, columns, data: matrix, multiplicity: 1 };
}

/** A + iB as [[A, -B], [B, A]], which has every singular value of it twice. */
function modeMatrix(
  rows: number,
  columns: number,
  modes: number,
  mode: number,
  data: Float32Array | Float64Array,
): Matrix {
  const width = 2 * columns;
  const matrix = new Float64Array(2 * rows * width);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const source = 2 * ((row * columns + column) * modes + mode);
      const real = data[source]!;
      const imaginary = data[source + 1]!;
      matrix[row * width + column] = real;
      matrix[(rows + row) * width + columns + column] = real;
      matrix[row * width + columns + column] = -imaginary;
      matrix[(rows + row) * width + column] = imaginary;
    }
  }
  return { rows: 2 * rows, columns: width, data: matrix, multiplicity: 2 };
}
