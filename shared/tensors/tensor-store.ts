import type { RowReader } from './row-reader.ts';
import type { SafetensorsEntry, SafetensorsFile } from './safetensors.ts';
import type { HalfTensor, WeightTensor } from './tensor.ts';

/** The tensors of one file of whatever format. */
export interface TensorFile extends Pick<SafetensorsFile, 'label' | 'names' | 'read' | 'readFloat64' | 'readElements'> {
  /** @throws UserError when there is no such tensor. */
  entry(name: string): Pick<SafetensorsEntry, 'dtype' | 'shape'>;
  /** As of `SafetensorsFile`; absent: the file does not hold its numbers so. */
  readonly readAsStored?: SafetensorsFile['readAsStored'];
  /** What of the file was taken, where it holds more; absent: all of it. */
  readonly notes?: readonly string[];
}

/** The tensors of one file or of several shards, under one set of names. */
export interface TensorStore {
  readonly label: string;
  /** How the tensors were found, where a reader should know; absent: as usual. */
  readonly notes?: readonly string[];
  names(): string[];
  /** @throws UserError when there is no such tensor. */
  entry(name: string): Pick<SafetensorsEntry, 'dtype' | 'shape'>;
  /** float64 where it is stored so, else float32. */
  read(name: string): Promise<WeightTensor>;
  /** 16-bit floats by their bits, where the file holds them so; else as `read`. */
  readAsStored(name: string): Promise<WeightTensor | HalfTensor>;
  /** A tensor of two axes, by its rows. */
  rowsOf(name: string): RowReader;
}

/** The rows of a tensor `[rows, columns]` of a file. */
export function rowsOfTensor(file: Pick<TensorFile, 'entry' | 'readElements'>, name: string): RowReader {
  const [rows, columns] = file.entry(name).shape as [number, number];
  return {
    rows,
    columns,
    read: (start, count) => file.readElements(name, start * columns, (start + count) * columns),
  };
}
