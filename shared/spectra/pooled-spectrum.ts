import { mapInFlight } from '../core/in-flight.ts';
import type { LayerKind } from '../tensors/layer.ts';
import type { RowReader } from '../tensors/row-reader.ts';
import type { WeightTensor } from '../tensors/tensor.ts';
import type { Conv1dReading } from './config.ts';
import { matrixFlops } from './cost.ts';
import { type Matrix, matricesOf } from './matrices.ts';
import { portableSolver } from './solvers/portable.ts';
import type { SpectrumSource } from './spectrum-source.ts';

/** The eigenvalues of all matrices of a layer. */
export interface PooledSpectrum {
  /** Ascending. */
  readonly eigenvalues: Float64Array;
  /** Longest side of the matrices as they were solved. */
  readonly dimension: number;
  /** Sides of the layer's last matrix. */
  readonly short: number;
  readonly long: number;
}

/** Solves one matrix that is read by rows; `largest` is the largest magnitude of its entries. */
export async function spectrumOfRows(
  matrix: RowReader,
  largest: number,
  source: SpectrumSource,
): Promise<PooledSpectrum> {
  const { rows, columns } = matrix;
  const eigenvalues = source.squaredSingularValuesOfRows
    ? await source.squaredSingularValuesOfRows(matrix, largest)
    : await source.squaredSingularValues(rows, columns, await matrix.read(0, rows));
  const [short, long] = [Math.min(rows, columns), Math.max(rows, columns)];
  return { eigenvalues, dimension: long, short, long };
}

/**
 * Solves all matrices of a layer, as many at a time as the source works on, and pools what they have.
 * @throws UserError when a weight hasn't the shape of its kind of layer.
 */
export async function pooledSpectrum(
  kind: LayerKind,
  weights: readonly (readonly [name: string, weight: WeightTensor])[],
  conv1d: Conv1dReading,
  source: SpectrumSource,
): Promise<PooledSpectrum> {
  let dimension = 0;
  let [short, long] = [1, 1];
  const spectra = await mapInFlight(
    matricesOfAll(kind, weights, conv1d),
    { count: source.concurrency ?? 1 },
    (matrix) => {
      const { rows, columns, multiplicity } = matrix;
      dimension = Math.max(dimension, rows, columns);
      [short, long] = [Math.min(rows, columns) / multiplicity, Math.max(rows, columns) / multiplicity];
      return spectrumOfMatrix(matrix, source);
    },
  );
  return { eigenvalues: pooled(spectra), dimension, short, long };
}

/** The eigenvalues of several spectra in one ascending list. */
export function pooled(spectra: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(spectra.reduce((count, { length }) => count + length, 0));
  let at = 0;
  for (const spectrum of spectra) {
    all.set(spectrum, at);
    at += spectrum.length;
  }
  return all.sort();
}

/** A matrix that takes fewer operations than this is solved in this thread: handing it to another takes longer. */
const smallFlops = 1e5;

/**
 * The squared singular values of one of a layer's matrices, each as often as the layer has it. Small matrices of
 * a Conv1d by rows are solved at once, in this thread and by the plain solver, whatever the source is.
 */
export async function spectrumOfMatrix(matrix: Matrix, source: SpectrumSource): Promise<Float64Array> {
  const { rows, columns, data, multiplicity } = matrix;
  const solver = matrix.isConv1dRow && matrixFlops(matrix) <= smallFlops ? portableSolver : source;
  const eigenvalues = await solver.squaredSingularValues(rows, columns, data);
  return multiplicity === 1 ? eigenvalues : eigenvalues.filter((_, index) => index % multiplicity === 0);
}

function* matricesOfAll(
  kind: LayerKind,
  weights: readonly (readonly [name: string, weight: WeightTensor])[],
  conv1d: Conv1dReading,
): Generator<Matrix> {
  for (const [name, weight] of weights) yield* matricesOf(kind, name, weight, conv1d);
}
