import type { Layer } from '../tensors/layer.ts';
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
  /** Bits of fraction with which its weights are stored, the leading one included. */
  readonly precision: number;
}

/** Bits of fraction of the stored types that can be read, the leading one included. */
export const precisionBits: Readonly<Record<string, number>> = { F64: 53, F32: 24, F16: 11, BF16: 8 };

/** A tensor that is not analysed, and why. */
export interface SkippedTensor {
  readonly name: string;
  readonly reason: string;
}

export const weightFormats = ['safetensors', 'sharded', 'adapter', 'run'] as const;

/** Weights of any origin, read one tensor at a time. */
export interface WeightSource {
  /** Path, for messages. */
  readonly label: string;
  readonly format: (typeof weightFormats)[number];
  readonly layers: readonly WeightLayer[];
  readonly skipped: readonly SkippedTensor[];
  /** What a reader should know of how it was taken apart. */
  readonly notes: readonly string[];
  /** One of the weights of `layers`. */
  read(name: string): Promise<WeightTensor>;
}
