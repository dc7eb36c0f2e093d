/** Decompression of Zarr's chunks that gives no more than a chunk may hold. */
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { elementCount } from '../../tensors/tensor.ts';

/** The facts about an array that zarrita gives to a codec. */
interface ChunkInfo {
  readonly shape: readonly number[];
}
type Decode = (bytes: Uint8Array, limit: number) => Promise<Uint8Array>;
type Configuration = Record<string, unknown>;

/** The widest number, and room for a checksum. */
const mostBytes = ({ shape }: ChunkInfo) => 8 * elementCount(shape) + 64;

/** A codec as zarrita wants it. */
const bounded = (makeDecode: (configuration: Configuration) => Decode) => ({
  fromConfig(configuration: Configuration | undefined, info: ChunkInfo) {
    const decode = makeDecode(configuration ?? {});
    return {
      kind: 'bytes_to_bytes' as const,
      encode(): never {
        throw new Error('chunks are not written');
      },
      decode: (bytes: Uint8Array) => decode(bytes, mostBytes(info)),
    };
  },
});

const ofNode = (decompress: typeof zlib.gunzip | typeof zlib.zstdDecompress) => {
  const inflated = promisify(decompress as typeof zlib.gunzip);
  return bounded(() => (bytes, limit) => inflated(bytes, { maxOutputLength: limit }));
};

/** Codecs of zarrita's whose data say at `sizeAt` how many bytes they hold. */
const checkedFirst = (load: () => Promise<Codec>, { sizeAt, headBytes }: { sizeAt: number; headBytes: number }) =>
  bounded((configuration) => async (bytes, limit) => {
    if (bytes.length < headBytes) throw new Error(`it has ${bytes.length} bytes`);
    const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(sizeAt, true);
    if (size > limit) throw new Error(`it claims to hold ${size} bytes, more than ${limit}`);
    return (await load()).fromConfig(configuration).decode(bytes);
  });

interface Codec {
  fromConfig(configuration: Configuration): { decode(bytes: Uint8Array): Promise<Uint8Array> };
}

/**
 * Replaces zarrita's decompression, which has no bound, in its registry of codecs. Version 3 has them by these names, version 2 as
 * `numcodecs.<name>`.
 */
export function boundCodecs(registry: Map<string, () => unknown>): void {
  const own = (name: string) => registry.get(name) as () => Promise<Codec>;
  const replaced = {
    gzip: ofNode(zlib.gunzip),
    zlib: ofNode(zlib.inflate),
    zstd: ofNode(zlib.zstdDecompress),
    blosc: checkedFirst(own('blosc'), { sizeAt: 4, headBytes: 16 }),
    lz4: checkedFirst(own('lz4'), { sizeAt: 0, headBytes: 4 }),
  };
  for (const [name, codec] of Object.entries(replaced)) {
    registry.set(name, () => codec);
    registry.set(`numcodecs.${name}`, () => codec);
  }
}
