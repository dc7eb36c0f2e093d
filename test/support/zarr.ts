import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** What a test writes as an array of one of Zarr's versions. */
export interface WrittenZarr {
  readonly shape: readonly number[];
  readonly chunk: readonly number[];
  /** The bytes of the element at this row-major place. */
  readonly element: (index: number) => Uint8Array;
  /** The chunk's bytes as they lie in the file; undefined: no file. */
  readonly encode?: (
    bytes: Buffer,
    position: readonly number[],
  ) => Promise<Uint8Array | undefined> | Uint8Array | undefined;
  /** The last axis of a chunk runs slowest. */
  readonly columnMajor?: boolean;
}

const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1);

/** Every index of a shape, row-major. */
function indicesOf(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (all, size) => all.flatMap((index) => Array.from({ length: size }, (_, last) => [...index, last])),
    [[]],
  );
}

/** The bytes of the chunk at a position, padded with zeros where the array ends within it. */
function chunkBytes({ shape, chunk, element, columnMajor }: WrittenZarr, position: readonly number[]): Buffer {
  const size = element(0).length;
  const bytes = Buffer.alloc(product(chunk) * size);
  const order = columnMajor ? indicesOf(chunk.toReversed()).map((index) => index.reverse()) : indicesOf(chunk);
  for (const [place, index] of order.entries()) {
    const global = index.map((value, axis) => position[axis]! * chunk[axis]! + value);
    if (global.some((value, axis) => value >= shape[axis]!)) continue;
    bytes.set(element(global.reduce((offset, value, axis) => offset * shape[axis]! + value, 0)), place * size);
  }
  return bytes;
}

/** Writes metadata and chunks. @param key the name of the file of the chunk at a position. */
export async function writeZarr(
  folder: string,
  metadata: Record<string, object>,
  array: WrittenZarr,
  key: (position: readonly number[]) => string,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [name, json] of Object.entries(metadata)) await writeFile(join(folder, name), JSON.stringify(json));
  const grid = array.shape.map((size, axis) => Math.ceil(size / array.chunk[axis]!));
  for (const position of indicesOf(grid)) {
    const bytes = chunkBytes(array, position);
    const encoded = array.encode ? await array.encode(bytes, position) : bytes;
    if (encoded === undefined) continue;
    const path = join(folder, key(position));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, encoded);
  }
  return folder;
}

/** Metadata of version 2, with `changes`. */
export const v2 = (array: WrittenZarr, dtype: string, changes: object = {}) => ({
  zarr_format: 2,
  shape: array.shape,
  chunks: array.chunk,
  dtype,
  compressor: null,
  fill_value: 0,
  order: 'C',
  filters: null,
  ...changes,
});

/** Metadata of version 3, with `changes`. */
export const v3 = (array: WrittenZarr, type: string, changes: object = {}) => ({
  zarr_format: 3,
  node_type: 'array',
  shape: array.shape,
  data_type: type,
  chunk_grid: { name: 'regular', configuration: { chunk_shape: array.chunk } },
  chunk_key_encoding: { name: 'default', configuration: { separator: '/' } },
  fill_value: 0,
  codecs: [{ name: 'bytes', configuration: { endian: 'little' } }],
  attributes: {},
  ...changes,
});

export const v2Key = (position: readonly number[]) => position.join('.') || '0';
export const v3Key = (position: readonly number[]) => ['c', ...position].join('/');
