import { z } from 'zod';

/** Values between two ends, as 16-bit numbers, little-endian, in base64. */
export const packedSchema = z.strictObject({ low: z.number(), high: z.number(), codes: z.base64() }).readonly();
export type PackedValues = z.infer<typeof packedSchema>;

/** The code of what is not a finite number; the others divide the range. */
const notFinite = 0xffff;
const largestCode = notFinite - 1;

/** Values to 1/65534 of their range; what is not finite stays so. */
export function packValues(values: ArrayLike<number>): PackedValues {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) [low, high] = [0, 0];
  const scale = high > low ? largestCode / (high - low) : 0;
  const bytes = Buffer.alloc(2 * values.length);
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    bytes.writeUInt16LE(Number.isFinite(value) ? Math.round((value - low) * scale) : notFinite, 2 * index);
  }
  return { low, high, codes: bytes.toString('base64') };
}

/** The values again; NaN where they were not finite. */
export function unpackValues({ low, high, codes }: PackedValues): Float64Array {
  const bytes = Buffer.from(codes, 'base64');
  return Float64Array.from({ length: bytes.length / 2 }, (_, index) => {
    const code = bytes.readUInt16LE(2 * index);
    return code === notFinite ? Number.NaN : low + ((high - low) * code) / largestCode;
  });
}
