import { mapInFlight } from '../core/in-flight.ts';
import type { LayerKind } from '../tensors/layer.ts';
import type { RowReader } from '../tensors/row-reader.ts';
import type { WeightTensor } from '../tensors/tensor.ts';
import { type Matrix, matricesOf } from './matrices.ts';
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
  source: SpectrumSource,
): Promise<PooledSpectrum> {
  let dimension = 0;
  let [short, long] = [1, 1];
  const spectra = await mapInFlight(
    matricesOfAll(kind, weights),
    { count: source.concurrency ?? 1 },
    async ({ rows, columns, data, multiplicity }) => {
      dimension = Math.max(dimension, rows, columns);
      [short, long] = [Math.min(rows, columns) / multiplicity, Math.max(rows, columns) / multiplicity];
      const eigenvalues = await source.squaredSingularValues(rows, columns, data);
      return multiplicity === 1 ? eigenvalues : eigenvalues.filter((_, index) => index % multiplicity === 0);
    },
  );
  const eigenvalues = new Float64Array(spectra.reduce((count, { length }) => count + length, 0));
  let at = 0;
  for (const spectrum of spectra) {
    eigenvalues.set(spectrum, at);
    at += spectrum.length;
  }
  return { eigenvalues: eigenvalues.sort(), dimension, short, long };
}

function* matricesOfAll(
  kind: LayerKind,
  weights: readonly (readonly [name: string, weight: WeightTensor])[],
): Generator<Matrix> {
  for (const [name, weight] of weights) yield* matricesOf(kind, name, weight);
}
