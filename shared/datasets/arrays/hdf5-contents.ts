/** What is in an HDF5 file, as the library tells it. Called by the thread that the library runs in. */
import { resolve } from 'node:path';
import type { Metadata } from 'h5wasm/node';
import { messageOf } from '../../core/errors.ts';
import type { AxisRange } from './array-file.ts';
import { selectedCount } from './blocks.ts';
import type { Hdf5Library } from './hdf5-library.ts';
import { bytesPerNumber, decodeNumbers, type NumberType, numberType } from './number-types.ts';

/** An array as it is stored. */
export interface StoredHdf5 {
  readonly shape: readonly number[];
  readonly type: NumberType;
  /** Names of the filters that are not built in. */
  readonly missingFilters: readonly string[];
  /** Shape of what is unpacked at a time, where the array is packed. */
  readonly packedChunk?: readonly number[];
  /** Whether MATLAB wrote it: its axes stand in reverse. */
  readonly matlab: boolean;
}

/** The entry at a path: an array, a group or something else. */
export type Hdf5Entry =
  | { readonly array: StoredHdf5 }
  | { readonly group: true }
  | { readonly refused: string }
  | { readonly damage: string };

/** The contents of a file besides its numbers. */
export interface Hdf5Contents {
  readonly entries: ReadonlyMap<string, Hdf5Entry>;
  /** Attributes by path; the file's own have the empty path. */
  readonly attributes: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

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

/** Opens a file. @throws Error with the library's reason. */
export function openHdf5({ call }: Hdf5Library, path: string): bigint {
  return call((module) => module.open(resolve(path), module.H5F_ACC_RDONLY, false, -1, -1));
}

/** Lists a file. @throws Error when what is in it can't be listed. */
export function contentsOf(library: Hdf5Library, id: bigint): Hdf5Contents {
  const names = library.call((module) => module.get_names(id, '/', true));
  const entries = new Map<string, Hdf5Entry>();
  const attributes = new Map([['', attributesOf(library, id, '/')]]);
  for (const name of names) {
    // MATLAB keeps parts of other variables in groups whose names begin so.
    if (name.startsWith('#')) continue;
    const own = attributesOf(library, id, `/${name}`);
    if (Object.keys(own).length > 0) attributes.set(name, own);
    entries.set(name, entryOf(library, id, `/${name}`, own));
  }
  if (library.isLost()) throw new Error('the library ended while it listed what is in it');
  return { entries, attributes };
}

function entryOf({ module, call }: Hdf5Library, id: bigint, at: string, own: Record<string, unknown>): Hdf5Entry {
  try {
    if (call(() => module.get_type(id, at)) !== module.H5G_DATASET) return { group: true };
    const metadata = call(() => module.get_dataset_metadata(id, at));
    if (own.MATLAB_class === 'char') return { refused: 'a text (char)' };
    if (own.MATLAB_empty) return { refused: 'empty' };
    if (metadata.virtual_sources) return { refused: 'a virtual dataset, whose numbers lie in other files' };
    if (metadata.shape === null) return { refused: 'empty (a null dataspace)' };
    const type = typeOf(metadata);
    if (typeof type === 'string') return { refused: type };
    const filters = metadata.chunks ? call(() => module.get_dataset_filters(id, at)) : [];
    const missingFilters = filters
      .filter((filter) => !builtIn.has(filter.id))
      .map((filter) => filterNames[filter.id] ?? (filter.name || `filter ${filter.id}`));
    const packedChunk = filters.length > 0 ? { packedChunk: metadata.chunks! } : {};
    return { array: { shape: metadata.shape, ...type, missingFilters, ...packedChunk, matlab: 'MATLAB_class' in own } };
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

/** Texts, numbers, and lists of them; attributes of other types, and those that are damaged, are left out. */
function attributesOf({ h5wasm, call }: Hdf5Library, id: bigint, at: string): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  try {
    for (const name of call((module) => module.get_attribute_names(id, at))) {
      const { type, size, total_size } = call((module) => module.get_attribute_metadata(id, at, name));
      if (!Object.values(classes).includes(type) || size * total_size > maxAttributeBytes) continue;
      const value = call(() => new h5wasm.Group(id, at).get_attribute(name, true));
      if (value !== null) found[name] = value;
    }
  } catch {
    // The arrays can be read without.
  }
  return found;
}

/**
 * The selected block of a dataset, with its axes as they are stored.
 * @throws Error with the library's reason.
 */
export function readHdf5(
  { module, call }: Hdf5Library,
  id: bigint,
  { name, type, ranges }: { name: string; type: NumberType; ranges: readonly AxisRange[] },
): Float32Array<ArrayBuffer> {
  const bytes = selectedCount(ranges) * bytesPerNumber[type];
  const pointer = module._malloc(bytes);
  if (pointer === 0) throw new Error(`no memory for ${bytes} bytes`);
  try {
    const [counts, starts, strides] = (['count', 'start', 'stride'] as const).map((key) =>
      ranges.length === 0 ? null : ranges.map((range) => BigInt(range[key])),
    );
    const status = call(() => module.get_dataset_data(id, `/${name}`, counts!, starts!, strides!, BigInt(pointer)));
    if (status < 0) throw new Error(`status ${status}`);
    const values = new Float32Array(selectedCount(ranges));
    // The library gives the bytes in the order of its machine, which is little-endian.
    decodeNumbers(module.HEAPU8.subarray(pointer, pointer + bytes), { type, littleEndian: true }, values);
    return values;
  } finally {
    module._free(pointer);
  }
}
