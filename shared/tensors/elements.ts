/** Types of stored numbers, and how their bytes become numbers. */
import { endianness } from 'node:os';
import type { HalfTensor, HostTensor } from './tensor.ts';

/** Bytes of a number of each type; those that are neither floats nor I64 can be stored but not read. Complex ones are pairs of floats. */
export const bytesPerElement = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  C64: 8,
  C128: 16,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;
export type DType = keyof typeof bytesPerElement;

/** What is decoded: the parts of complex numbers are floats. PyTorch counts the batches that a norm has seen in I64. */
const decoded = { I64: 'I64', F64: 'F64', F32: 'F32', F16: 'F16', BF16: 'BF16', C64: 'F32', C128: 'F64' } as const;
export type DecodedType = (typeof decoded)[keyof typeof decoded];

/** The type that numbers are decoded as: complex ones by their parts; undefined: it can't be read. */
export const decodedAs = (dtype: DType): DecodedType | undefined => decoded[dtype as keyof typeof decoded];

/** Types of 16-bit floats that are kept by their bits. */
const halfTypes = { F16: 'float16', BF16: 'bfloat16' } as const;

/** How a tensor of 16-bit floats calls its type; undefined for other types. */
export const halfTypeOf = (dtype: string): HalfTensor['dtype'] | undefined =>
  halfTypes[dtype as keyof typeof halfTypes];

export const isComplexType = (dtype: string): boolean => dtype === 'C64' || dtype === 'C128';

/** The shape that numbers of a type are read in: of complex ones, real and imaginary part are a last axis `[..., 2]`. */
export const readShape = (dtype: DType, shape: readonly number[]): readonly number[] =>
  isComplexType(dtype) ? [...shape, 2] : shape;

/** 16-bit floats as float64 by their bits: sign, exponent, fraction. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Brain floats are the upper halves of 32-bit ones. */
function brainToNumber(bits: number): number {
  brainWord.setUint32(0, bits << 16);
  return brainWord.getFloat32(0);
}
const brainWord = new DataView(new ArrayBuffer(4));

/** The value of each of the 65,536 bit patterns, made when first needed: looking one up is quicker than computing it. */
const lookUp = (convert: (bits: number) => number) => {
  let values: Float32Array | undefined;
  return () => {
    values ??= Float32Array.from({ length: 0x10000 }, (_, bits) => convert(bits));
    return values;
  };
};
/** The value of every 16-bit float, by its bits. */
export const halfValues = lookUp(halfToNumber);
const brainValues = lookUp(brainToNumber);

/** 16-bit floats as float32, which all of them are exactly. */
export function widened({ shape, dtype, data }: HalfTensor): HostTensor {
  const values = dtype === 'float16' ? halfValues() : brainValues();
  return { shape, data: Float32Array.from(data, (bits) => values[bits]!) };
}

/** The nearest 16-bit floats, halfway cases to even bits as IEEE 754 has it; what is too large becomes infinite. */
export function narrowed({ shape, data }: HostTensor, dtype: HalfTensor['dtype']): HalfTensor {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
  return { shape, dtype, data: Uint16Array.from(words, dtype === 'bfloat16' ? brainBits : halfBits) };
}

/** `word / 2 ** shift` to the nearest whole number, halfway cases to even ones. */
const shifted = (word: number, shift: number) => (word + 2 ** (shift - 1) - 1 + ((word >>> shift) & 1)) >>> shift;

/** The bfloat16 nearest to a float32, both as bits. */
function brainBits(word: number): number {
  const isNotNumber = (word & 0x7fffffff) > 0x7f800000;
  return isNotNumber ? (word >>> 16) | 0x40 : shifted(word, 16);
}

/** From the bits of a float32: 5 bits of exponent, and 10 of fraction instead of 23. */
function halfBits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  const exponent = (magnitude >>> 23) - 112;
  if (exponent >= 31) return sign | 0x7c00;
  if (exponent > 0) return sign | shifted(magnitude - (112 << 23), 13);
  // Multiples of 2 ** -24.
  if (exponent < -10) return sign;
  return sign | shifted((magnitude & 0x7fffff) | 0x800000, 14 - exponent);
}

/** Numbers from stored bytes, into `into` from `offset` on. */
export function decode(
  bytes: Uint8Array,
  dtype: DecodedType,
  into: Float32Array | Float64Array,
  offset: number,
  littleEndian = true,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.byteLength / bytesPerElement[dtype];
  if (dtype === 'F32' && littleEndian && endianness() === 'LE' && bytes.byteOffset % 4 === 0) {
    into.set(new Float32Array(bytes.buffer, bytes.byteOffset, count), offset);
  } else if (dtype === 'F32') {
    for (let i = 0; i < count; i++) into[offset + i] = view.getFloat32(4 * i, littleEndian);
  } else if (dtype === 'F64') {
    for (let i = 0; i < count; i++) into[offset + i] = view.getFloat64(8 * i, littleEndian);
  } else if (dtype === 'I64') {
    for (let i = 0; i < count; i++) into[offset + i] = Number(view.getBigInt64(8 * i, littleEndian));
  } else {
    const values = dtype === 'F16' ? halfValues() : brainValues();
    for (let i = 0; i < count; i++) into[offset + i] = values[view.getUint16(2 * i, littleEndian)]!;
  }
}

/** Bytes that are read and converted at a time, so that no tensor is held in memory twice. */
export const bytesPerRead = 16 * 2 ** 20;
