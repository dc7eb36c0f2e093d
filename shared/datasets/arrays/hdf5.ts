/** HDF5, and MATLAB's v7.3 in it, read by hyperslabs. */
import { stat } from 'node:fs/promises';
import { BrokenInputError, messageOf, TooLargeError, UserError } from '../../core/errors.ts';
import { formatBytes } from '../../core/format.ts';
import { memoryLimit } from '../../core/memory-limit.ts';
import { elementCount, formatShape } from '../../tensors/tensor.ts';
import type { ArrayFile, AxisRange, StoredArray } from './array-file.ts';
import { checkRanges, partsOf, rowMajorOf, selectedCount } from './blocks.ts';
import type { Hdf5Contents, StoredHdf5 } from './hdf5-contents.ts';
import { type Hdf5Thread, hdf5Thread } from './hdf5-thread.ts';
import { bytesPerNumber } from './number-types.ts';
import { damaged, noSuchArray, notNumbers } from './refusals.ts';

/** Bytes that the library, which never gives memory back, reads at a time. */
const bytesAtOnce = 16 * 2 ** 20;

export interface Hdf5Options {
  /** Milliseconds after which the library is taken to be lost in a damaged file; 2 minutes by default. */
  readonly patience?: number;
}

/**
 * Opens an HDF5 file, hands it to `use`, and closes it whatever happens.
 * @param bytes size of the file.
 * @throws BrokenInputError when it is cut off or damaged.
 */
export async function withHdf5<Result>(
  path: string,
  bytes: number,
  use: (file: ArrayFile) => Result | Promise<Result>,
  { patience = 120_000 }: Hdf5Options = {},
): Promise<Result> {
  const thread = hdf5Thread(patience);
  try {
    const contents = await openAndList(path, thread).catch((cause) => openingFailed(path, cause));
    return await use(arrayFileOf(path, bytes, contents, thread));
  } finally {
    await thread.close();
  }
}

/** Files whose listings are kept. */
const keptListings = 8;

/** What is in the files that were opened last: a file of thousands of groups takes half a second to list, and is opened for every batch. */
const listings = new Map<string, { readonly version: string; readonly contents: Hdf5Contents }>();

/** Opens a file, and lists it unless that was done and it is the same since. */
async function openAndList(path: string, thread: Hdf5Thread): Promise<Hdf5Contents> {
  const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  const version = [ino, size, mtimeNs, ctimeNs].join();
  await thread.open(path);
  const known = listings.get(path);
  const contents = known?.version === version ? known.contents : await thread.list();
  listings.delete(path);
  listings.set(path, { version, contents });
  const [oldest] = listings.keys();
  if (listings.size > keptListings) listings.delete(oldest!);
  return contents;
}

function openingFailed(path: string, cause: Error): never {
  const sizes = /truncated file: eof = (\d+).*stored_eof = (\d+)/.exec(cause.message);
  if (!sizes) throw damaged(path, `can't be opened as HDF5: ${cause.message}`, cause);
  throw new BrokenInputError(`is cut off: it has ${sizes[1]} of its ${sizes[2]} bytes`, {
    where: path,
    remedy: 'Fetch or write the file again.',
    cause,
  });
}

function arrayFileOf(path: string, bytes: number, contents: Hdf5Contents, thread: Hdf5Thread): ArrayFile {
  const { entries, attributes } = contents;
  const found = [...entries].flatMap(([name, entry]) => ('array' in entry ? [{ name, ...entry.array }] : []));
  const names = found.map(({ name }) => name);
  const plain = (name: string) => name.split('/').filter(Boolean).join('/');
  return {
    path,
    format: found.some(({ matlab }) => matlab) ? 'MATLAB v7.3 (HDF5)' : 'HDF5',
    names: () => names,
    array(given) {
      const name = plain(given);
      const entry = entries.get(name);
      if (!entry || 'group' in entry) throw noSuchArray(path, given, names);
      if ('damage' in entry) throw damaged(path, `"${name}" can't be read: ${entry.damage}`);
      if ('refused' in entry) throw notNumbers(path, name, entry.refused);
      return hdf5Array({ path, bytes, thread }, name, entry.array);
    },
    attributes: (name = '') => attributes.get(plain(name)) ?? {},
  };
}

function hdf5Array(
  { path, bytes, thread }: { path: string; bytes: number; thread: Hdf5Thread },
  name: string,
  stored: StoredHdf5,
): StoredArray {
  const { type, matlab } = stored;
  const shape = matlab ? stored.shape.toReversed() : stored.shape;
  /** Reads ranges in the order of axes that the file has. */
  const readStored = async (ranges: readonly AxisRange[]): Promise<Float32Array> => {
    const count = selectedCount(ranges);
    if (count === 0) return new Float32Array(0);
    const parts = [...partsOf(ranges, Math.floor(bytesAtOnce / bytesPerNumber[type]))];
    const read = (part: readonly AxisRange[]) =>
      thread.read({ name, type, ranges: part }).catch((cause) => {
        throw damaged(path, `array "${name}" ${formatShape(shape)} can't be read: ${messageOf(cause)}`, cause);
      });
    if (parts.length === 1) return read(ranges);
    const result = new Float32Array(count);
    for (const part of parts) result.set(await read(part.ranges), part.at);
    return result;
  };
  return {
    name,
    shape,
    type,
    storedBytes: Math.min(elementCount(shape) * bytesPerNumber[type], bytes),
    columnMajor: matlab,
    async read(ranges) {
      checkRanges(shape, ranges);
      refuseFilters(path, name, stored);
      refuseLargeChunks(path, name, stored);
      if (!matlab) return readStored(ranges);
      const counts = ranges.map(({ count }) => count);
      return rowMajorOf(await readStored(ranges.toReversed()), counts);
    },
  };
}

/** Bytes that a packed chunk may have. One of 734 MB was read, with 2.1 times as much memory; one of 1 GB is more than the library can hold. */
const mostChunkBytes = 700 * 2 ** 20;
const memoryPerByte = 3;

/** @throws TooLargeError when what has to be unpacked at a time does not fit into memory. */
function refuseLargeChunks(path: string, name: string, { packedChunk, type }: StoredHdf5): void {
  if (!packedChunk) return;
  const limit = memoryLimit();
  const most = Math.min(mostChunkBytes, Math.floor(limit.bytes / memoryPerByte));
  const bytes = elementCount(packedChunk) * bytesPerNumber[type];
  if (bytes <= most) return;
  throw new TooLargeError(
    `array "${name}" is packed in chunks ${formatShape(packedChunk)} of ${formatBytes(bytes)}, which are unpacked whole, and at most ${formatBytes(most)} can be`,
    { where: path, remedy: `Write it in smaller chunks, e.g. \`h5repack -l /${name}:CHUNK=1x...\`.` },
  );
}

function refuseFilters(path: string, name: string, { missingFilters }: StoredHdf5): void {
  if (missingFilters.length === 0) return;
  throw new UserError(`array "${name}" is compressed by ${missingFilters.join(' and ')}, which can't be read`, {
    where: path,
    remedy: 'Write it with gzip or without compression, e.g. `h5repack -f GZIP=4 old.hdf5 new.hdf5`.',
  });
}
