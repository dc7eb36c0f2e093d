import { open, stat } from 'node:fs/promises';

/** Bytes that can be read in ranges: a file, an object in a bucket, a buffer. */
export interface ByteSource {
  /** For messages. */
  readonly label: string;
  readonly size: number;
  /** Exactly the bytes `[start, end)`. */
  read(start: number, end: number): Promise<Uint8Array>;
}

export function bufferSource(label: string, bytes: Uint8Array): ByteSource {
  return { label, size: bytes.byteLength, read: async (start, end) => bytes.subarray(start, end) };
}

/** A file, opened for each read, so that nothing has to be closed. */
export async function fileSource(path: string): Promise<ByteSource> {
  const { size } = await stat(path);
  return {
    label: path,
    size,
    async read(start, end) {
      const file = await open(path);
      try {
        const bytes = new Uint8Array(end - start);
        let filled = 0;
        while (filled < bytes.length) {
          const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled);
          if (bytesRead === 0) throw new Error(`${path}: ended ${bytes.length - filled} bytes early while being read`);
          filled += bytesRead;
        }
        return bytes;
      } finally {
        await file.close();
      }
    },
  };
}
