/** The bytes of a safetensors file with tensors of any type, from their stored bytes. */
export function rawSafetensors(
  tensors: Readonly<Record<string, { dtype: string; shape: readonly number[]; bytes: Uint8Array }>>,
): Uint8Array {
  let offset = 0;
  const header = Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => {
      const start = offset;
      offset += bytes.byteLength;
      return [name, { dtype, shape, data_offsets: [start, offset] }];
    }),
  );
  const text = new TextEncoder().encode(JSON.stringify(header));
  const prefix = new Uint8Array(8);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(text.length), true);
  return Buffer.concat([prefix, text, ...Object.values(tensors).map(({ bytes }) => bytes)]);
}

/** The upper halves of float32 numbers: brain floats, rounded towards zero. */
export function brainBytes(values: Float32Array): Uint8Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return new Uint8Array(Uint16Array.from(words, (word) => word >>> 16).buffer);
}
