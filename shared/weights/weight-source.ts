import type { StoredPrecision } from '../spectra/rounding.ts';
import type { Layer } from '../tensors/layer.ts';
import type { RowReader } from '../tensors/row-reader.ts';
import type { WeightTensor } from '../tensors/tensor.ts';

/** Which matrix of a layer is analysed: its weight, a weight with its adapter, the adapter's product alone, a change. */
export type MatrixOfLayer = 'W' | 'W + scale * BA' | 'BA' | 'W - W0';

/** A layer of a checkpoint. */
export interface WeightLayer extends Layer {
  readonly matrix: MatrixOfLayer;
  /** Shape of the (first) weight in the model; what is read may be a smaller matrix with the same spectrum. */
  readonly shape: readonly number[];
  /** Number of weights, as a measure of how much there is to read. */
  readonly size: number;
  /** The float type that its weights are stored in. */
  readonly precision: StoredPrecision;
}

/** The stored types that can be read as numbers, with how exactly each holds them. */
const precisions: ReadonlyMap<string, StoredPrecision> = new Map([
  ['F64', { bits: 53, smallestExponent: -1022 }],
  ['F32', { bits: 24, smallestExponent: -126 }],
  ['F16', { bits: 11, smallestExponent: -14 }],
  ['BF16', { bits: 8, smallestExponent: -126 }],
  ['C128', { bits: 53, smallestExponent: -1022 }],
  ['C64', { bits: 24, smallestExponent: -126 }],
]);

/** Undefined for a type that is not of floats. */
export const precisionOf = (dtype: string): StoredPrecision | undefined => precisions.get(dtype);

/** The float type of a tensor that is known to hold floats. */
export const storedPrecision = ({ dtype }: { readonly dtype: string }): StoredPrecision => precisions.get(dtype)!;

/** A tensor that is not analysed, and why. */
export interface SkippedTensor {
  readonly name: string;
  readonly reason: string;
}

export const weightFormats = ['safetensors', 'pytorch', 'sharded', 'adapter', 'run'] as const;

/** Weights of any origin, read one tensor at a time. */
export interface WeightSource {
  /** Path, for messages. */
  readonly label: string;
  readonly format: (typeof weightFormats)[number];
  readonly layers: readonly WeightLayer[];
  readonly skipped: readonly SkippedTensor[];
  /** Sentences for the reader about how layers were found in the file. */
  readonly notes: readonly string[];
  /** Reads the weight of one of `layers`. */
  read(name: string): Promise<WeightTensor>;
  /** The weight of a layer of one matrix, without reading it whole. */
  openRows(name: string): Promise<RowReader>;
}
