import type { Conv1dReading } from '../spectra/config.ts';
import { matricesOf } from '../spectra/matrices.ts';
import { type PooledSpectrum, pooledSpectrum, spectrumOfRows } from '../spectra/pooled-spectrum.ts';
import { noiseMatrix, roundingDeviations, type StoredPrecision } from '../spectra/rounding.ts';
import type { SpectrumSource } from '../spectra/spectrum-source.ts';
import type { LayerKind } from '../tensors/layer.ts';
import { eachBlock, largestMagnitude, type RowReader } from '../tensors/row-reader.ts';
import { allFinite, type WeightTensor } from '../tensors/tensor.ts';
import type { WeightLayer, WeightSource } from './weight-source.ts';

type NamedWeights = readonly (readonly [name: string, weight: WeightTensor])[];

/** The weights of a layer: in memory, or, of one large matrix, read by rows whenever they are needed. */
export type LayerWeights =
  | { readonly weights: NamedWeights }
  | { readonly name: string; readonly rows: RowReader; readonly largest: number };

/** A dense weight with more bytes as float32 is not held in memory. */
const largestHeld = 64 * 2 ** 20;

const bytesOf = ({ size }: WeightLayer) => size * Float32Array.BYTES_PER_ELEMENT;

const isReadByRows = (layer: WeightLayer) =>
  layer.kind === 'linear' && layer.weights.length === 1 && bytesOf(layer) > largestHeld;

/** Bytes of memory that the measurement of a layer holds besides the solver's own, roughly. */
export function memoryOf(layer: WeightLayer): number {
  const [rows = 0, columns = 0] = layer.shape;
  return isReadByRows(layer) && rows > columns ? Math.min(largestHeld, bytesOf(layer)) : bytesOf(layer);
}

/** Reads a layer's weights, or makes ready to. */
export async function openLayerWeights(
  source: Pick<WeightSource, 'read' | 'openRows'>,
  layer: WeightLayer,
): Promise<LayerWeights> {
  if (isReadByRows(layer)) {
    const [name] = layer.weights as [string];
    const rows = await source.openRows(name);
    return { name, rows, largest: await largestMagnitude(rows) };
  }
  const weights: (readonly [string, WeightTensor])[] = [];
  for (const name of layer.weights) weights.push([name, await source.read(name)]);
  return { weights };
}

/** Names of the weights that hold NaN or infinite numbers. */
export function brokenWeights(layer: LayerWeights): string[] {
  if ('rows' in layer) return Number.isFinite(layer.largest) ? [] : [layer.name];
  return layer.weights.filter(([, { data }]) => !allFinite(data)).map(([name]) => name);
}

/** The eigenvalues of all matrices of the layer. @throws UserError when a weight hasn't the shape of its kind. */
export function spectrumOfWeights(
  kind: LayerKind,
  layer: LayerWeights,
  conv1d: Conv1dReading,
  solver: SpectrumSource,
): Promise<PooledSpectrum> {
  return 'rows' in layer
    ? spectrumOfRows(layer.rows, layer.largest, solver)
    : pooledSpectrum(kind, layer.weights, conv1d, solver);
}

/** Reads all weights of a layer into memory, whatever their size. */
export async function wholeWeights(layer: LayerWeights): Promise<NamedWeights> {
  if (!('rows' in layer)) return layer.weights;
  const { rows, columns } = layer.rows;
  return [[layer.name, { shape: [rows, columns], data: await layer.rows.read(0, rows) }]];
}

/** The weights of a layer in one of two checkpoints. */
interface Side {
  readonly layer: LayerWeights;
  readonly precision: StoredPrecision;
}

/** What changed between two sets of weights of equal shapes, and up to which eigenvalue rounding alone explains it. */
export async function changeOfWeights(
  kind: LayerKind,
  conv1d: Conv1dReading,
  here: Side,
  there: Side,
): Promise<{ change: LayerWeights; noise: number }> {
  if ('rows' in here.layer && 'rows' in there.layer) {
    return changeOfRows({ ...here, ...here.layer }, { ...there, ...there.layer });
  }
  const [ours, theirs] = [await wholeWeights(here.layer), await wholeWeights(there.layer)];
  let noise = 0;
  const weights = ours.map(([name, weight], index) => {
    const other = theirs[index]![1];
    const deviations = roundingDeviations({ ...here, data: weight.data }, { ...there, data: other.data });
    for (const { rows, columns, data } of matricesOf(kind, name, { shape: weight.shape, data: deviations }, conv1d)) {
      const matrix = noiseMatrix(rows, columns);
      matrix.add(0, data);
      noise = Math.max(noise, matrix.edge());
    }
    return [name, { shape: weight.shape, data: difference(weight.data, other.data) }] as const;
  });
  return { change: { weights }, noise };
}

async function changeOfRows(
  here: { name: string; rows: RowReader; precision: StoredPrecision },
  there: { rows: RowReader; precision: StoredPrecision },
): Promise<{ change: LayerWeights; noise: number }> {
  const { rows, columns } = here.rows;
  const matrix = noiseMatrix(rows, columns);
  for await (const { start, count, data } of eachBlock(here.rows)) {
    const other = { data: await there.rows.read(start, count), precision: there.precision };
    matrix.add(start, roundingDeviations({ data, precision: here.precision }, other));
  }
  const reader: RowReader = {
    rows,
    columns,
    read: async (start, count) => difference(await here.rows.read(start, count), await there.rows.read(start, count)),
  };
  return {
    change: { name: here.name, rows: reader, largest: await largestMagnitude(reader) },
    noise: matrix.edge(),
  };
}

function difference(a: Float32Array | Float64Array, b: Float32Array | Float64Array): Float64Array {
  const data = Float64Array.from(a);
  for (let i = 0; i < data.length; i++) data[i]! -= b[i]!;
  return data;
}
