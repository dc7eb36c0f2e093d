/** Folders in Zarr's layout, versions 2 and 3: https://zarr-specs.readthedocs.io. */
import { type Dirent, readdirSync, statSync } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { BrokenInputError, messageOf, UserError } from '../../core/errors.ts';
import { isAbsence } from '../../core/optional-file.ts';
import { elementCount, formatShape } from '../../tensors/tensor.ts';
import type { ArrayFile, AxisRange, StoredArray } from './array-file.ts';
import { checkRanges, copySpread, rowMajorStrides, selectedCount } from './blocks.ts';
import { onlyArrayName } from './npy.ts';
import { bytesPerNumber, decodeNumbers, type NumberType } from './number-types.ts';
import { cantBeOpened, cutOff, damaged, noSuchArray, notNumbers } from './refusals.ts';
import { boundCodecs } from './zarr-codecs.ts';
import { parseZarrV2, parseZarrV3, type ZarrArrayInfo, ZarrRefusal } from './zarr-metadata.ts';

/** Folders that are looked into, and how deep. */
const maxFolders = 20_000;
const maxDepth = 16;
/** Bytes of a file of metadata. */
const maxMetadataBytes = 2 ** 24;
/** Files of an array of which the sizes are added up. */
const maxCountedChunks = 100_000;
/** Decoded chunks that are kept for later reads, in bytes. */
const keptChunkBytes = 64 * 2 ** 20;

/** Bytes that the index of a shard may take up. */
const maxIndexBytes = 2 ** 25;

/** Codecs that are the same whatever the numbers mean, so that float16 and bool can be decoded as whole numbers. */
const bytewise = ['bytes', 'transpose', 'gzip', 'zlib', 'zstd', 'blosc', 'lz4', 'crc32c', 'shuffle'];

/** A group or an array. */
interface Node {
  readonly attributes: Readonly<Record<string, unknown>>;
  /** The array at this path, where there is one. */
  readonly array?: StoredArray;
  /** Why there is no array of numbers at this place. */
  readonly refused?: string;
  /** Why it can't be read. */
  readonly damage?: string;
}

/**
 * Opens a folder in Zarr's layout and hands it to `use`.
 * @throws UserError when it is none.
 */
export async function withZarr<Result>(
  path: string,
  use: (file: ArrayFile) => Result | Promise<Result>,
): Promise<Result> {
  const nodes = new Map<string, Node>();
  const versions = new Set<number>();
  await visit(path, path, '', nodes, versions, 0);
  const names = () => [...nodes].filter(([, node]) => node.array).map(([name]) => name || onlyArrayName);
  if (versions.size === 0) {
    throw new UserError('is a folder that is not in Zarr format: there is no zarr.json, .zarray or .zgroup in it', {
      where: path,
      remedy: 'Point `dataset.path` at the folder of the Zarr array or group itself, or at a file.',
    });
  }
  const nodeOf = (name: string) => {
    const plain = name.replace(/^\/+|\/+$/g, '');
    return nodes.get(plain) ?? (plain === onlyArrayName ? nodes.get('') : undefined);
  };
  return await use({
    path,
    format: `Zarr v${[...versions].sort().join(' and v')}`,
    names,
    array(name) {
      const node = nodeOf(name);
      if (node?.array) return node.array;
      if (node?.damage) throw damaged(path, `array "${name}" can't be read: ${node.damage}`);
      if (node?.refused) throw notNumbers(path, name, node.refused);
      throw noSuchArray(path, name, names());
    },
    attributes: (name = '') => nodeOf(name)?.attributes ?? {},
  });
}

async function readJson(path: string): Promise<unknown> {
  const { size } = await stat(path);
  if (size > maxMetadataBytes) throw new Error(`has ${size} bytes, too many for metadata`);
  return JSON.parse(await readFile(path, 'utf8'));
}

const recordOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

/** Adds what is in a folder, and in those below it that belong to no array. */
async function visit(
  root: string,
  folder: string,
  name: string,
  nodes: Map<string, Node>,
  versions: Set<number>,
  depth: number,
): Promise<void> {
  if (depth > maxDepth || nodes.size > maxFolders) {
    throw new UserError(`has more than ${maxFolders} folders, or more than ${maxDepth} below one another`, {
      where: root,
    });
  }
  const entries = (await readdir(folder, { withFileTypes: true }).catch((cause) => cantBeOpened(folder, cause))).sort(
    (a, b) => (a.name < b.name ? -1 : 1),
  );
  const files = new Set(entries.filter((entry) => entry.isFile()).map((entry) => entry.name));
  const node = await nodeIn(root, folder, name, files, versions);
  nodes.set(name, node);
  if (node.array || node.refused || node.damage) return;
  for (const entry of entries.filter((each: Dirent) => each.isDirectory())) {
    const below = name === '' ? entry.name : `${name}/${entry.name}`;
    await visit(root, join(folder, entry.name), below, nodes, versions, depth + 1);
  }
}

async function nodeIn(
  root: string,
  folder: string,
  name: string,
  files: ReadonlySet<string>,
  versions: Set<number>,
): Promise<Node> {
  let attributes: Record<string, unknown> = {};
  const arrayOf = (info: ZarrArrayInfo): Node => ({ attributes, array: zarrArray(root, folder, name, info) });
  try {
    if (files.has('zarr.json')) {
      versions.add(3);
      const json = recordOf(await readJson(join(folder, 'zarr.json')));
      attributes = recordOf(json.attributes);
      return json.node_type === 'group' ? { attributes } : arrayOf(parseZarrV3(json));
    }
    if (files.has('.zattrs')) attributes = recordOf(await readJson(join(folder, '.zattrs')));
    if (files.has('.zarray')) {
      versions.add(2);
      return arrayOf(parseZarrV2(await readJson(join(folder, '.zarray')), attributes));
    }
  } catch (error) {
    if (error instanceof ZarrRefusal && error.kind === 'content') return { attributes, refused: error.message };
    return { attributes, damage: messageOf(error) };
  }
  if (files.has('.zgroup') || files.has('.zmetadata')) versions.add(2);
  else if ([...files].some((file) => /^\d+(\.\d+)*$/.test(file))) {
    return { attributes, damage: 'there are chunks, but no .zarray or zarr.json beside them' };
  }
  return { attributes };
}

function zarrArray(root: string, folder: string, name: string, info: ZarrArrayInfo): StoredArray {
  const { shape, type, axes } = info;
  let counted: number | undefined | null = null;
  const shown = name || onlyArrayName;
  const kept = new Map<string, Promise<Chunk>>();
  const mostKept = Math.floor(keptChunkBytes / (elementCount(info.chunk) * Float32Array.BYTES_PER_ELEMENT));
  return {
    name: shown,
    shape,
    type,
    ...(axes && { axes }),
    get storedBytes() {
      if (counted === null) counted = bytesIn(folder);
      return counted;
    },
    async read(ranges) {
      checkRanges(shape, ranges);
      try {
        const load = await chunksOf(folder, info);
        return await readChunks(info, ranges, (position) => {
          const key = position.join();
          const chunk = kept.get(key) ?? load(position);
          if (mostKept === 0) return chunk;
          // The one used last stands last.
          kept.delete(key);
          kept.set(key, chunk);
          if (kept.size > mostKept) kept.delete(kept.keys().next().value!);
          return chunk;
        });
      } catch (error) {
        kept.clear();
        if (error instanceof UserError) throw error;
        throw damaged(root, `array "${shown}" ${formatShape(shape)} can't be read: ${reasonOf(error)}`, error);
      }
    },
  };
}

/** The reason under zarrita's words about its pipeline. */
function reasonOf(error: unknown): string {
  const { cause } = error as Error;
  return cause instanceof Error ? `${messageOf(error)}: ${reasonOf(cause)}` : messageOf(error);
}

/** Sizes of all files in a folder, without its metadata; undefined where there are too many. */
function bytesIn(folder: string): number | undefined {
  let bytes = 0;
  let files = 0;
  const waiting = [folder];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const entry of readdirSync(next, { withFileTypes: true })) {
      if (entry.isDirectory()) waiting.push(join(next, entry.name));
      else if (/^\.z|^zarr\.json$/.test(entry.name)) continue;
      else if (++files > maxCountedChunks) return undefined;
      else bytes += statSync(join(next, entry.name), { throwIfNoEntry: false })?.size ?? 0;
    }
  }
  return bytes;
}

/** A decoded chunk, whole even where the array ends within it. */
interface Chunk {
  readonly values: Float32Array;
  readonly steps: readonly number[];
}

/** Makes the function that loads the chunk at a position of the grid. */
async function chunksOf(folder: string, info: ZarrArrayInfo): Promise<(position: number[]) => Promise<Chunk>> {
  const zarrita = await loadZarrita();
  const { version, type, chunk, codecs, plain } = info;
  const unknown = codecs.filter((codec) => !zarrita.registry.has(codec) && !codec.endsWith('fixedscaleoffset'));
  const meant = type === 'float16' || type === 'bool';
  const unfit = codecs.filter((codec) => meant && !bytewise.includes(codec.replace('numcodecs.', '')));
  if (unknown.length > 0 || unfit.length > 0) {
    const words = (unknown.length > 0 ? unknown : unfit).map((codec) => codec.replace('numcodecs.', '')).join(', ');
    throw new UserError(`is encoded by ${words}, which can't be read${unknown.length > 0 ? '' : ` of ${type}`}`, {
      where: folder,
      remedy: `Write it with one of ${bytewise.slice(2, 7).join(', ')}, or without compression.`,
    });
  }
  const count = elementCount(chunk);
  const store = chunkStore(folder, version, plain, count * bytesPerNumber.float64);
  const array = await (version === 2
    ? zarrita.open.v2(store, { kind: 'array', attrs: false })
    : zarrita.open.v3(store, { kind: 'array' }));
  return async (position) => {
    const { data, stride } = (await array.getChunk(position)) as { data: NumericArray; stride: number[] };
    if (data.length !== count) {
      throw new Error(`chunk ${position.join('.')} has ${data.length} numbers in place of ${count}; it is cut off`);
    }
    return { values: toFloat32(data, type), steps: stride };
  };
}

type NumericArray = Exclude<NodeJS.TypedArray, { readonly BYTES_PER_ELEMENT: never }>;

function toFloat32(data: NumericArray, type: NumberType): Float32Array {
  if (data instanceof Float32Array) return data;
  const values = new Float32Array(data.length);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  decodeNumbers(bytes, { type, littleEndian: endianness() === 'LE' }, values);
  return values;
}

let zarritaLoaded: Promise<typeof import('zarrita')> | undefined;

function loadZarrita(): Promise<typeof import('zarrita')> {
  zarritaLoaded ??= import('zarrita').then((zarrita) => {
    boundCodecs(zarrita.registry as unknown as Map<string, () => unknown>);
    return zarrita;
  });
  return zarritaLoaded;
}

/** The files of one array, for zarrita. @param most bytes that are read at a time, besides what an encoding adds. */
function chunkStore(folder: string, version: 2 | 3, plain: Record<string, unknown>, most: number) {
  const limit = 2 * most + maxIndexBytes;
  const readRange = async (key: string, range: (size: number) => [start: number, length: number]) => {
    const path = join(folder, key);
    const file = await open(path).catch((error: NodeJS.ErrnoException) => {
      if (isAbsence(error)) return undefined;
      throw error;
    });
    if (!file) return undefined;
    try {
      const { size } = await file.stat();
      const [start, length] = range(size);
      if (start < 0 || start + length > size) throw cutOff(path, 'the shard', start + length, size);
      if (length > limit) throw new BrokenInputError(`has ${length} bytes, far more than a chunk`, { where: path });
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await file.read(bytes, filled, length - filled, start + filled);
        if (bytesRead === 0) throw cutOff(path, 'the chunk', length, filled);
        filled += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  };
  return {
    async get(key: `/${string}`): Promise<Uint8Array | undefined> {
      if (key === (version === 2 ? '/.zarray' : '/zarr.json')) return Buffer.from(JSON.stringify(plain));
      return readRange(key, (size) => [0, size]);
    },
    getRange: (key: `/${string}`, range: { suffixLength: number } | { offset: number; length: number }) =>
      readRange(key, (size) =>
        'suffixLength' in range ? [size - range.suffixLength, range.suffixLength] : [range.offset, range.length],
      ),
  };
}

/** Puts the selected elements of every chunk that the selection touches in their places. */
async function readChunks(
  { shape, chunk }: Pick<ZarrArrayInfo, 'shape' | 'chunk'>,
  ranges: readonly AxisRange[],
  load: (position: number[]) => Promise<Chunk>,
): Promise<Float32Array> {
  const result = new Float32Array(selectedCount(ranges));
  if (result.length === 0) return result;
  const resultSteps = rowMajorStrides(ranges.map(({ count }) => count));
  const axes = ranges.map((range, axis) => piecesOf(range, chunk[axis]!));

  const visitAxis = async (axis: number, chosen: readonly Piece[]): Promise<void> => {
    if (axis < shape.length) {
      for (const piece of axes[axis]!) await visitAxis(axis + 1, [...chosen, piece]);
      return;
    }
    const { values, steps } = await load(chosen.map(({ position }) => position));
    copySpread(
      chosen.map(({ count }) => count),
      {
        values,
        at: chosen.reduce((sum, { first }, at) => sum + first * steps[at]!, 0),
        steps: steps.map((step, at) => step * ranges[at]!.stride),
      },
      {
        values: result,
        at: chosen.reduce((sum, { at }, index) => sum + at * resultSteps[index]!, 0),
        steps: resultSteps,
      },
    );
  };
  await visitAxis(0, []);
  return result;
}

/** The part of one chunk that a selection takes along an axis. */
interface Piece {
  /** The chunk's place in the grid. */
  readonly position: number;
  /** The first element taken, counted from the chunk's first. */
  readonly first: number;
  readonly count: number;
  /** The place of the first element in the selection. */
  readonly at: number;
}

function piecesOf({ start, count, stride }: AxisRange, chunk: number): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < count; ) {
    const index = start + at * stride;
    const position = Math.floor(index / chunk);
    const first = index - position * chunk;
    const here = Math.min(count - at, Math.ceil((chunk - first) / stride));
    pieces.push({ position, first, count: here, at });
    at += here;
  }
  return pieces;
}
