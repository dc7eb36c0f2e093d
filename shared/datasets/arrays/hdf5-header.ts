/**
 * An HDF5 file as bytes around numbers that are written later, each to its place: arrays without chunks in the root group, and attributes. So a file
 * of any size is written a piece at a time, and its size is known before. Superblock version 2 and object headers version 2 (HDF5 1.8 and later), by
 * the HDF5 File Format Specification 3.0.
 */
import { elementCount } from '../../tensors/tensor.ts';
import { lookup3 } from './lookup3.ts';
import { bytesPerNumber } from './number-types.ts';

/** A text, several, or a whole number of 32 bits. */
export type Hdf5Attribute = string | readonly string[] | number;
export type Hdf5Attributes = Readonly<Record<string, Hdf5Attribute>>;

/** An array to be written. */
export interface Hdf5Array {
  readonly shape: readonly number[];
  readonly type: 'float32' | 'int32';
  readonly attributes?: Hdf5Attributes;
}

/** Where what of a file goes. */
export interface Hdf5Places {
  /** Its first bytes. */
  readonly header: Uint8Array;
  /** Where each array's numbers begin, by name: little-endian, row-major. */
  readonly starts: ReadonlyMap<string, number>;
  /** Of the whole file. */
  readonly bytes: number;
}

const signature = [0x89, ...new TextEncoder().encode('HDF'), 0x0d, 0x0a, 0x1a, 0x0a];
const superblockBytes = 48;
/** An address that is none. */
const undefinedAddress = 0xffffffffffffffffn;
/** Numbers begin at multiples of this. */
const alignment = 8;

const types = {
  linkInfo: 0x02,
  dataspace: 0x01,
  datatype: 0x03,
  fill: 0x05,
  link: 0x06,
  layout: 0x08,
  group: 0x0a,
  attribute: 0x0c,
};

const u16 = (value: number) => [value & 0xff, value >>> 8];
const u32 = (value: number) => [...u16(value & 0xffff), ...u16(value >>> 16)];
const u64 = (value: number | bigint) => [...new Uint8Array(new BigUint64Array([BigInt(value)]).buffer)];
const utf8 = (text: string) => [...new TextEncoder().encode(text)];

function message(type: number, body: readonly number[]): number[] {
  if (body.length > 0xffff) throw new RangeError(`an HDF5 message of ${body.length} bytes`);
  return [type, ...u16(body.length), 0, ...body];
}

const withChecksum = (bytes: readonly number[]) => [...bytes, ...u32(lookup3(Uint8Array.from(bytes)))];

/** An object's header: its messages in one chunk, without times. */
function objectHeader(messages: readonly (readonly number[])[]): number[] {
  const body = messages.flat();
  const sizeOf4Bytes = 2;
  return withChecksum([...utf8('OHDR'), 2, sizeOf4Bytes, ...u32(body.length), ...body]);
}

const scalarSpace = [2, 0, 0, 0];
const simpleSpace = (shape: readonly number[]) => [2, shape.length, 0, 1, ...shape.flatMap(u64)];

/** Little-endian numbers of 32 bits. */
const numberTypes = {
  // Its sign is bit 31; exponent of 8 bits from 23 on, biased by 127; mantissa of 23 bits, whose first is implied.
  float32: [0x11, 0x20, 31, 0, ...u32(4), ...u16(0), ...u16(32), 23, 8, 0, 23, ...u32(127)],
  int32: [0x10, 0x08, 0, 0, ...u32(4), ...u16(0), ...u16(32)],
} as const;

/** Texts in UTF-8 of so many bytes, filled up with zeros. */
const textType = (bytes: number) => [0x13, 0x11, 0, 0, ...u32(bytes)];

function attribute(name: string, value: Hdf5Attribute): number[] {
  const parts = (type: readonly number[], space: readonly number[], data: readonly number[]) => {
    const named = [...utf8(name), 0];
    const sizes = [...u16(named.length), ...u16(type.length), ...u16(space.length)];
    const charset = 1;
    return message(types.attribute, [3, 0, ...sizes, charset, ...named, ...type, ...space, ...data]);
  };
  if (typeof value === 'number') return parts(numberTypes.int32, scalarSpace, u32(value));
  const texts = (typeof value === 'string' ? [value] : value).map(utf8);
  const longest = Math.max(1, ...texts.map((text) => text.length));
  const data = texts.flatMap((text) => [...text, ...Array.from({ length: longest - text.length }, () => 0)]);
  return parts(textType(longest), typeof value === 'string' ? scalarSpace : simpleSpace([texts.length]), data);
}

const attributesOf = (given: Hdf5Attributes = {}) =>
  Object.entries(given).map(([name, value]) => attribute(name, value));

const bytesOf = ({ shape, type }: Hdf5Array) => elementCount(shape) * bytesPerNumber[type];

function arrayHeader(array: Hdf5Array, start: number): number[] {
  const [allocatedLate, filledWhereSet] = [2, 2 << 2];
  const contiguous = 1;
  return objectHeader([
    message(types.dataspace, simpleSpace(array.shape)),
    message(types.datatype, numberTypes[array.type]),
    message(types.fill, [3, allocatedLate | filledWhereSet]),
    message(types.layout, [3, contiguous, ...u64(start), ...u64(bytesOf(array))]),
    ...attributesOf(array.attributes),
  ]);
}

function rootHeader(
  links: readonly (readonly [name: string, address: number])[],
  attributes: Hdf5Attributes,
): number[] {
  return objectHeader([
    message(types.linkInfo, [0, 0, ...u64(undefinedAddress), ...u64(undefinedAddress)]),
    message(types.group, [0, 0]),
    ...links.map(([name, address]) => {
      const encoded = utf8(name);
      return message(types.link, [1, 0, encoded.length, ...encoded, ...u64(address)]);
    }),
    ...attributesOf(attributes),
  ]);
}

const aligned = (at: number) => Math.ceil(at / alignment) * alignment;

/**
 * Lays out a file with these arrays, by name, and these attributes of its own.
 * @throws RangeError when an attribute takes 64 KiB or more.
 */
export function hdf5Places(arrays: Readonly<Record<string, Hdf5Array>>, attributes: Hdf5Attributes = {}): Hdf5Places {
  const named = Object.entries(arrays);
  // The sizes of headers don't depend on the addresses in them.
  const rootBytes = rootHeader(
    named.map(([name]) => [name, 0]),
    attributes,
  ).length;
  let at = superblockBytes + rootBytes;
  const addresses = named.map(([, array]) => {
    const address = at;
    at += arrayHeader(array, 0).length;
    return address;
  });
  const starts = new Map<string, number>();
  for (const [name, array] of named) {
    at = aligned(at);
    starts.set(name, at);
    at += bytesOf(array);
  }
  const [version, addressBytes, lengthBytes, noFlags] = [2, 8, 8, 0];
  const superblock = withChecksum([
    ...signature,
    version,
    addressBytes,
    lengthBytes,
    noFlags,
    ...u64(0),
    ...u64(undefinedAddress),
    ...u64(at),
    ...u64(superblockBytes),
  ]);
  const links = named.map(([name], index) => [name, addresses[index]!] as const);
  const headers = named.flatMap(([name, array]) => arrayHeader(array, starts.get(name)!));
  return { header: Uint8Array.from([...superblock, ...rootHeader(links, attributes), ...headers]), starts, bytes: at };
}
