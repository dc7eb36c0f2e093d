import type { RowReader } from './row-reader.ts';
import type { SafetensorsEntry, SafetensorsFile } from './safetensors.ts';
import type { WeightTensor } from './tensor.ts';

/** The tensors of one file or of several shards, under one set of names. */
export interface TensorStore {
  readonly label: string;
  names(): string[];
  /** @throws UserError when there is no such tensor. */
  entry(name: string): Pick<SafetensorsEntry, 'dtype' | 'shape'>;
  /** float64 where it is stored so, else float32. */
  read(name: string): Promise<WeightTensor>;
  /** A tensor of two axes, by its rows. */
  rowsOf(name: string): RowReader;
}

/** The rows of a tensor `[rows, columns]` of a file. */
export function rowsOfTensor(file: Pick<SafetensorsFile, 'entry' | 'readElements'>, name: string): RowReader {
  const [rows, columns] = file.entry(name).shape as [number, number];
  return {
    rows,
    columns,
    read: (start, count) => file.readElements(name, start * columns, (start + count) * columns),
  };
}
