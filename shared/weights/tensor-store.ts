import type { SafetensorsEntry } from '../tensors/safetensors.ts';
import type { WeightTensor } from '../tensors/tensor.ts';

/** The tensors of one file or of several shards, under one set of names. */
export interface TensorStore {
  readonly label: string;
  names(): string[];
  /** @throws UserError when there is no such tensor. */
  entry(name: string): Pick<SafetensorsEntry, 'dtype' | 'shape'>;
  /** float64 where it is stored so, else float32. */
  read(name: string): Promise<WeightTensor>;
}
