/** Writing HDF5 a block at a time, in chunks. The library is called by the thread that it runs in. */
import { elementCount } from '../../tensors/tensor.ts';
import type { AxisRange } from './array-file.ts';
import type { Hdf5Library } from './hdf5-library.ts';

/** A text, several, or a whole number of 32 bits. */
export type Hdf5Attribute = string | readonly string[] | number;
export type Hdf5Attributes = Readonly<Record<string, Hdf5Attribute>>;

/** An array of float32 whose numbers come later. */
export interface LaterHdf5 {
  readonly shape: readonly number[];
  /** The first axis of what is read together: a chunk has one frame `shape.slice(frameAxis)`, several small ones, or a part of a large one. */
  readonly frameAxis: number;
  readonly attributes?: Hdf5Attributes;
}

/** A file to be written. */
export interface NewHdf5 {
  readonly path: string;
  readonly attributes: Hdf5Attributes;
  /** Arrays of one axis, by name. */
  readonly lists: Readonly<Record<string, Float32Array | Int32Array>>;
  /** The arrays by name. */
  readonly arrays: Readonly<Record<string, LaterHdf5>>;
}

/** A block of an array, row-major. */
export interface Hdf5Block {
  readonly name: string;
  readonly ranges: readonly AxisRange[];
  readonly values: Float32Array<ArrayBuffer>;
}

const numberBytes = Float32Array.BYTES_PER_ELEMENT;
/** Small frames are joined up to this: with a chunk for every 4 KiB, writing took 2.5 times as long and the index 2.6 % of the file. */
const joinedBytes = 64 * 2 ** 10;
/** Larger frames are split: a program that reads one number may take the whole chunk into memory. */
const mostChunkBytes = 16 * 2 ** 20;
/** A chunk's part of the index: 70 to 110 bytes as measured, and 170 where all nodes of a tree over six axes are half full. */
const indexBytes = 256;
/** The file's own header, those of its arrays, and attributes. */
const headerBytes = 2 ** 20;

/** The shape of an array's chunks. An axis is cut into parts as even as they can be, for the last chunk is stored whole, too. */
export function chunkShape({ shape, frameAxis }: LaterHdf5): number[] {
  const chunk = [...shape];
  let bytes = numberBytes;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const most = Math.max(1, Math.floor((axis < frameAxis ? joinedBytes : mostChunkBytes) / bytes));
    chunk[axis] = Math.ceil(shape[axis]! / Math.ceil(shape[axis]! / most));
    bytes *= chunk[axis]!;
  }
  return chunk;
}

/** Bytes that a file takes at most. */
export function hdf5BytesAtMost({ lists, arrays }: Omit<NewHdf5, 'path'>): number {
  let bytes = headerBytes;
  for (const values of Object.values(lists)) bytes += values.byteLength;
  for (const array of Object.values(arrays)) {
    const chunk = chunkShape(array);
    const chunks = elementCount(array.shape.map((size, axis) => Math.ceil(size / chunk[axis]!)));
    bytes += chunks * (elementCount(chunk) * numberBytes + indexBytes);
  }
  return bytes;
}

/**
 * Makes a file; one that is there is emptied.
 * @throws Error with the library's reason.
 */
export function createHdf5(library: Hdf5Library, { path, attributes, lists, arrays }: NewHdf5): bigint {
  const { h5wasm, call } = library;
  const id = call((module) => module.open(path, module.H5F_ACC_TRUNC, false, -1, -1));
  const root = new h5wasm.Group(id, '/');
  addAttributes(library, root, attributes);
  for (const [name, data] of Object.entries(lists)) {
    call(() => root.create_dataset({ name, data, dtype: data instanceof Int32Array ? '<i' : '<f' }));
  }
  for (const [name, array] of Object.entries(arrays)) {
    // The library writes what it creates, so an array begins as one number, and grows before there are more.
    const one = array.shape.map(() => 1);
    const maxshape = [...array.shape];
    const chunks = chunkShape(array);
    const created = call(() =>
      root.create_dataset({ name, data: new Float32Array(1), shape: one, maxshape, chunks, dtype: '<f' }),
    );
    call(() => created.resize(maxshape));
    addAttributes(library, created, array.attributes);
  }
  return id;
}

function addAttributes(
  { call }: Hdf5Library,
  of: Pick<InstanceType<Hdf5Library['h5wasm']['Group']>, 'create_attribute'>,
  attributes: Hdf5Attributes = {},
): void {
  for (const [name, value] of Object.entries(attributes)) {
    const data = typeof value === 'object' ? [...value] : value;
    call(() => of.create_attribute(name, data, null, typeof value === 'number' ? '<i' : 'S'));
  }
}

/**
 * Writes a block to its place.
 * @throws Error with the library's reason.
 */
export function writeHdf5({ h5wasm, call }: Hdf5Library, id: bigint, { name, ranges, values }: Hdf5Block): void {
  const array = new h5wasm.Dataset(id, `/${name}`);
  call(() =>
    array.write_slice(
      ranges.map(({ start, count, stride }) => [start, start + count * stride, stride]),
      values,
    ),
  );
}
