/** Types of numbers as files store them, and their values as float32. */
import { endianness } from 'node:os';
import { halfValues } from '../../tensors/elements.ts';

/** Bytes of one number, by type. */
export const bytesPerNumber = {
  bool: 1,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  float16: 2,
  int32: 4,
  uint32: 4,
  float32: 4,
  int64: 8,
  uint64: 8,
  float64: 8,
} as const;

export type NumberType = keyof typeof bytesPerNumber;

/** The type of this kind and size, e.g. `float32` of a float of 4 bytes; undefined where there is none. */
export function numberType(kind: 'int' | 'uint' | 'float', bytes: number): NumberType | undefined {
  const name = `${kind}${8 * bytes}`;
  return name in bytesPerNumber ? (name as NumberType) : undefined;
}

const views = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  float16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float64: Float64Array,
};

/** The bytes in the order of this machine, at an address that numbers of this size may have. */
function inHostOrder(bytes: Uint8Array, size: number, littleEndian: boolean): Uint8Array {
  const swapped = size > 1 && littleEndian !== (endianness() === 'LE');
  if (!swapped) return bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  const copy = Buffer.from(Uint8Array.prototype.slice.call(bytes).buffer);
  if (size === 2) return copy.swap16();
  return size === 4 ? copy.swap32() : copy.swap64();
}

/** Writes stored numbers into `into` from `at` on. Integers of 64 bits are rounded; float64 beyond float32 become infinite. */
export function decodeNumbers(
  bytes: Uint8Array,
  { type, littleEndian }: { type: NumberType; littleEndian: boolean },
  into: Float32Array,
  at = 0,
): void {
  const size = bytesPerNumber[type];
  const ordered = inHostOrder(bytes, size, littleEndian);
  const values = new views[type](ordered.buffer as ArrayBuffer, ordered.byteOffset, bytes.byteLength / size);
  if (type === 'float16') {
    const halves = halfValues();
    for (let i = 0; i < values.length; i++) into[at + i] = halves[values[i] as number]!;
  } else if (type === 'bool') {
    for (let i = 0; i < values.length; i++) into[at + i] = values[i] ? 1 : 0;
  } else if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    for (let i = 0; i < values.length; i++) into[at + i] = Number(values[i]);
  } else into.set(values, at);
}
