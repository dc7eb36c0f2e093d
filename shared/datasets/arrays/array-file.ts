/** Arrays of numbers in a file, or in a folder, that are read block by block. One interface for all formats of arrays. */

/** `count` indices from `start`, `stride` apart, along one axis. */
export interface AxisRange {
  readonly start: number;
  readonly count: number;
  readonly stride: number;
}

/** An array in a file: its sizes, and a way to read it. */
export interface StoredArray {
  /** Full name, e.g. `tensor` or `0001/data`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** The type of its numbers, e.g. `float32`, `float16`, `int64`. */
  readonly type: string;
  /** Names of its axes, where the file has them. */
  readonly axes?: readonly string[] | undefined;
  /**
   * Bytes that it takes up in the file, or at most (HDF5, whose library tells no more than the file's size); undefined: not known. Less than the values
   * need: compressed, or never written.
   */
  readonly storedBytes?: number | undefined;
  /** Whether its first axis runs fastest: then a read of one row goes through the whole array, and many rows at once cost as much. */
  readonly columnMajor?: boolean | undefined;
  /**
   * The selected block, row-major, as float32. Takes memory for the block (and the chunks that it lies in), never for the array.
   * @throws UserError when it can't be read: damaged, or compressed by a filter that is not built in.
   */
  read(ranges: readonly AxisRange[]): Promise<Float32Array>;
}

/** An open file of arrays. */
export interface ArrayFile {
  /** For messages. */
  readonly path: string;
  /** The name of the format, e.g. `HDF5`. */
  readonly format: string;
  /** Full names of the arrays of numbers in it, in the order of the file or of their names. */
  names(): readonly string[];
  /** @throws UserError when there is no such array, naming those that are there, or it doesn't hold numbers. */
  array(name: string): StoredArray;
  /** What the file, or the group or array of this name, says of itself (attributes of HDF5 and Zarr); empty where it says nothing. */
  attributes(name?: string): Readonly<Record<string, unknown>>;
}
