/** A dense row-major tensor in host memory. */
export interface HostTensor<Data extends Float32Array | Float64Array | Int32Array = Float32Array> {
  readonly shape: readonly number[];
  readonly data: Data;
}

/** A weight as it is analysed: in float64 where float32 would lose digits. */
export type WeightTensor<Data extends Float32Array | Float64Array = Float32Array | Float64Array> = HostTensor<Data>;

/** Tensors by name; nothing ever refers to a parameter by its position. */
export type HostTensors = ReadonlyMap<string, HostTensor>;

/** The same with whole numbers among them, such as token ids and labels. */
export type MixedTensors = ReadonlyMap<string, HostTensor<Float32Array | Int32Array>>;

/** 16-bit floats by their bits, as they are stored. */
export interface HalfTensor {
  readonly shape: readonly number[];
  readonly dtype: 'float16' | 'bfloat16';
  readonly data: Uint16Array;
}

/** What does not change while a model is trained: as `MixedTensors`, and frozen weights in the precision in which they are stored. */
export type FixedTensors = ReadonlyMap<string, HostTensor<Float32Array | Int32Array> | HalfTensor>;

export const isHalf = (
  tensor: HostTensor<Float32Array | Float64Array | Int32Array> | HalfTensor,
): tensor is HalfTensor => tensor.data instanceof Uint16Array;

/** Number of elements of a shape; 1 for a scalar's `[]`. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** A tensor of zeros. */
export const zeros = (shape: readonly number[]): HostTensor => ({ shape, data: new Float32Array(elementCount(shape)) });

/** Number of elements of tensors of these shapes. */
export function totalCount(specs: readonly { readonly shape: readonly number[] }[]): number {
  return specs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

/** Bytes of the numbers of tensors. */
export function totalBytes(tensors: FixedTensors): number {
  let bytes = 0;
  for (const { data } of tensors.values()) bytes += data.byteLength;
  return bytes;
}

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, axis) => size === b[axis]);

/** `[64, 11]` */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/** Bits of the exponent, which are all 1 where a 16-bit float is NaN or infinite. */
const exponentBits = { float16: 0x7c00, bfloat16: 0x7f80 } as const;

/** Whether no value is NaN or infinite. */
export function halvesFinite({ dtype, data }: HalfTensor): boolean {
  const bits = exponentBits[dtype];
  for (let i = 0; i < data.length; i++) if ((data[i]! & bits) === bits) return false;
  return true;
}

/** Whether no value is NaN or infinite. */
export function allFinite(data: Float32Array | Float64Array): boolean {
  // Zero times what is not finite is NaN. Four sums, as none waits for another.
  let [a, b, c, d] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 4 <= data.length; i += 4) {
    a += data[i]! * 0;
    b += data[i + 1]! * 0;
    c += data[i + 2]! * 0;
    d += data[i + 3]! * 0;
  }
  for (; i < data.length; i++) a += data[i]! * 0;
  return a + b + c + d === 0;
}
