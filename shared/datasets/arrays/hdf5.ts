/** HDF5, and MATLAB's v7.3 in it, read by hyperslabs. */
import { resolve } from 'node:path';
import type { Filter, Metadata } from 'h5wasm/node';
import { BrokenInputError, messageOf, UserError } from '../../core/errors.ts';
import { elementCount, formatShape } from '../../tensors/tensor.ts';
import type { ArrayFile, AxisRange, StoredArray } from './array-file.ts';
import { checkRanges, partsOf, rowMajorOf, selectedCount } from './blocks.ts';
import { type Hdf5Library, loadHdf5 } from './hdf5-library.ts';
import { bytesPerNumber, decodeNumbers, type NumberType, numberType } from './number-types.ts';
import { damaged, noSuchArray, notNumbers } from './refusals.ts';

/** Bytes read by one call of the library, which never gives memory back. */
const bytesAtOnce = 64 * 2 ** 20;
/** Attributes that are larger are left out. */
const maxAttributeBytes = 2 ** 20;

/** Filters of the library's own that are built in: deflate, shuffle, fletcher32, nbit, scaleoffset. */
const builtIn: ReadonlySet<number> = new Set([1, 2, 3, 5, 6]);
/** Names of other filters, by their registered numbers. */
const filterNames: Readonly<Record<number, string>> = {
  4: 'SZIP',
  307: 'bzip2',
  32000: 'LZF',
  32001: 'Blosc',
  32004: 'LZ4',
  32008: 'bitshuffle',
  32013: 'ZFP',
  32015: 'Zstandard',
  32017: 'SZ',
  32026: 'Blosc2',
};

/** Classes of types that hold no numbers, by number. */
const otherClasses: Readonly<Record<number, string>> = {
  2: 'a time',
  3: 'a text',
  4: 'a bit field',
  5: 'opaque bytes',
  6: 'a compound (records or complex numbers)',
  7: 'a reference',
  9: 'of variable length',
  10: 'an array in each element',
  11: 'complex numbers',
};
const classes = { integer: 0, float: 1, text: 3, enumeration: 8 };

/** A file's parts that the functions below share. */
interface Opened {
  readonly path: string;
  readonly bytes: number;
  readonly id: bigint;
  readonly library: Hdf5Library;
}

/**
 * Opens an HDF5 file, hands it to `use`, and closes it whatever happens.
 * @throws BrokenInputError when it is cut off or damaged.
 */
export async function withHdf5<Result>(
  path: string,
  bytes: number,
  use: (file: ArrayFile) => Result | Promise<Result>,
): Promise<Result> {
  const library = await loadHdf5();
  const id = openFile(library, path);
  try {
    return await use(arrayFileOf({ path, bytes, id, library }));
  } finally {
    try {
      library.call((module) => module.close_file(id));
    } catch {
      // What was read is right; a file that can't be closed was told of before.
    }
  }
}

function openFile(library: Hdf5Library, path: string): bigint {
  try {
    return library.call((module) => module.open(resolve(path), module.H5F_ACC_RDONLY, false, -1, -1));
  } catch (cause) {
    const reason = messageOf(cause);
    const sizes = /truncated file: eof = (\d+).*stored_eof = (\d+)/.exec(reason);
    if (sizes) {
      throw new BrokenInputError(`is cut off: it has ${sizes[1]} of its ${sizes[2]} bytes`, {
        where: path,
        remedy: 'Fetch or write the file again.',
        cause,
      });
    }
    throw damaged(path, `can't be opened as HDF5: ${reason}`, cause);
  }
}

function arrayFileOf(file: Opened): ArrayFile {
  const { path, library, id } = file;
  const entries = new Map<string, Entry>();
  let paths: string[] | undefined;
  let isMatlab: boolean | undefined;

  const allPaths = () => {
    try {
      paths ??= library.call((module) => module.get_names(id, '/', true)).filter((name) => !name.startsWith('#'));
      return paths;
    } catch (cause) {
      throw damaged(path, `what is in it can't be listed: ${messageOf(cause)}`, cause);
    }
  };
  const entryOf = (name: string) => {
    const entry = entries.get(name) ?? describe(file, name);
    entries.set(name, entry);
    return entry;
  };
  let arrays: string[] | undefined;
  const names = () => {
    arrays ??= allPaths().filter((name) => 'array' in entryOf(name));
    return arrays;
  };

  return {
    path,
    get format() {
      isMatlab ??= names().some((name) => 'array' in entryOf(name) && (entryOf(name) as { matlab?: boolean }).matlab);
      return isMatlab ? 'MATLAB v7.3 (HDF5)' : 'HDF5';
    },
    names,
    array(given) {
      const name = given.replace(/^\/+|\/+$/g, '').replace(/\/+/g, '/');
      if (!allPaths().includes(name)) throw noSuchArray(path, given, names());
      const entry = entryOf(name);
      if ('array' in entry) return entry.array;
      if ('damage' in entry) throw damaged(path, `"${name}" can't be read: ${entry.damage}`);
      if (entry.refused === undefined) throw noSuchArray(path, given, names());
      throw notNumbers(path, name, entry.refused);
    },
    attributes: (name) => attributesOf(file, name === undefined || name === '' ? '/' : name),
  };
}

/** What is at a path: an array, or what else. `refused` without words: a group or a link to nothing. */
type Entry = { array: StoredArray; matlab: boolean } | { refused: string | undefined } | { damage: string };

function describe(file: Opened, name: string): Entry {
  const { library, id } = file;
  const at = `/${name}`;
  try {
    const type = library.call((module) => module.get_type(id, at));
    if (type !== library.module.H5G_DATASET) return { refused: undefined };
    const metadata = library.call((module) => module.get_dataset_metadata(id, at));
    const filters = library.call((module) => module.get_dataset_filters(id, at));
    const matlab = library.call((module) => module.get_attribute_names(id, at)).includes('MATLAB_class');
    const of = matlab ? attributesOf(file, name) : {};
    const stored = typeOf(metadata);
    if (of.MATLAB_class === 'char') return { refused: 'a text (char)' };
    if (of.MATLAB_empty) return { refused: 'empty' };
    if (metadata.virtual_sources) return { refused: 'a virtual dataset, whose numbers lie in other files' };
    if (metadata.shape === null) return { refused: 'empty (a null dataspace)' };
    if (typeof stored !== 'object') return { refused: stored };
    const array = hdf5Array(file, name, { shape: metadata.shape, type: stored.type, filters, matlab });
    return { array, matlab };
  } catch (cause) {
    return { damage: messageOf(cause) };
  }
}

/** The type of numbers, or in words what else it is. */
function typeOf({ type, size, signed, enum_type: members }: Metadata): { type: NumberType } | string {
  const isEnumeration = type === classes.enumeration;
  if (isEnumeration && size === 1 && members?.members.FALSE === 0 && members.members.TRUE === 1)
    return { type: 'bool' };
  const integer = type === classes.integer || isEnumeration;
  if (!integer && type !== classes.float) return otherClasses[type] ?? `of an unknown class (${type})`;
  const found = numberType(integer ? (signed ? 'int' : 'uint') : 'float', size);
  return found ? { type: found } : `of ${8 * size}-bit ${integer ? 'integers' : 'floats'}`;
}

function hdf5Array(
  file: Opened,
  name: string,
  stored: { shape: number[]; type: NumberType; filters: Filter[]; matlab: boolean },
): StoredArray {
  const { type, filters, matlab } = stored;
  const shape = matlab ? stored.shape.toReversed() : stored.shape;
  const size = bytesPerNumber[type];
  return {
    name,
    shape,
    type,
    storedBytes: Math.min(elementCount(shape) * size, file.bytes),
    async read(ranges) {
      checkRanges(shape, ranges);
      refuseFilters(file.path, name, filters);
      if (!matlab) return readBlock(file, name, stored, ranges);
      const reversed = readBlock(file, name, stored, ranges.toReversed());
      return rowMajorOf(
        reversed,
        ranges.map(({ count }) => count),
      );
    },
  };
}

function refuseFilters(path: string, name: string, filters: readonly Filter[]): void {
  const missing = filters.filter(({ id }) => !builtIn.has(id));
  if (missing.length === 0) return;
  const words = missing.map(({ id, name: said }) => filterNames[id] ?? (said || `filter ${id}`));
  throw new UserError(`array "${name}" is compressed by ${words.join(' and ')}, which can't be read`, {
    where: path,
    remedy: 'Write it with gzip or without compression, e.g. `h5repack -f GZIP=4 old.hdf5 new.hdf5`.',
  });
}

/** @param ranges by the axes as they are stored. */
function readBlock(
  { path, id, library }: Opened,
  name: string,
  { shape, type }: { shape: readonly number[]; type: NumberType },
  ranges: readonly AxisRange[],
): Float32Array {
  const result = new Float32Array(selectedCount(ranges));
  if (result.length === 0) return result;
  const size = bytesPerNumber[type];
  const whole = ranges.length === 0;
  const { module } = library;
  for (const { at, ranges: part } of partsOf(ranges, Math.floor(bytesAtOnce / size))) {
    const bytes = selectedCount(part) * size;
    const pointer = module._malloc(bytes);
    try {
      if (pointer === 0) throw new Error(`no memory for ${bytes} bytes`);
      const [counts, starts, strides] = (['count', 'start', 'stride'] as const).map((key) =>
        whole ? null : part.map((range) => BigInt(range[key])),
      );
      const status = library.call(({ get_dataset_data: get }) =>
        get(id, `/${name}`, counts!, starts!, strides!, BigInt(pointer)),
      );
      if (status < 0) throw new Error(`status ${status}`);
      const read = module.HEAPU8.subarray(pointer, pointer + bytes);
      // The library gives the bytes in the order of its machine, which is little-endian.
      decodeNumbers(read, { type, littleEndian: true }, result, at);
    } catch (cause) {
      throw damaged(path, `array "${name}" ${formatShape(shape)} can't be read: ${messageOf(cause)}`, cause);
    } finally {
      if (pointer !== 0) module._free(pointer);
    }
  }
  return result;
}

/** Texts, numbers, and lists of them; attributes of other types, and those that are damaged, are left out. */
function attributesOf({ id, library }: Opened, name: string): Record<string, unknown> {
  const at = name.startsWith('/') ? name : `/${name}`;
  const found: Record<string, unknown> = {};
  for (const attribute of attributeNames({ id, library }, at)) {
    try {
      const metadata = library.call((module) => module.get_attribute_metadata(id, at, attribute));
      const plain = Object.values(classes).includes(metadata.type);
      if (!plain || metadata.size * metadata.total_size > maxAttributeBytes) continue;
      const value = library.call(() => new library.h5wasm.Group(id, at).get_attribute(attribute, true));
      if (value !== null) found[attribute] = value;
    } catch {
      // The array can be read without it.
    }
  }
  return found;
}

function attributeNames({ id, library }: Pick<Opened, 'id' | 'library'>, at: string): string[] {
  try {
    return library.call((module) => module.get_attribute_names(id, at));
  } catch {
    return [];
  }
}
