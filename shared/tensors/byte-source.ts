import { open, stat } from 'node:fs/promises';
import { TransientError } from '../core/errors.ts';

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

/** A file, opened for each read, so that nothing has to be closed; a read fails when the file was replaced or changed. */
export async function fileSource(path: string): Promise<ByteSource> {
  const opened = await stat(path);
  return {
    label: path,
    size: opened.size,
    async read(start, end) {
      const file = await open(path);
      try {
        const current = await file.stat();
        if (current.ino !== opened.ino || current.mtimeMs !== opened.mtimeMs) {
          throw new TransientError('was changed while it was being read', { where: path });
        }
        const bytes = new Uint8Array(end - start);
        let filled = 0;
        while (filled < bytes.length) {
          const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled);
          if (bytesRead === 0) {
            throw new TransientError(`ended ${bytes.length - filled} bytes early while it was being read`, {
              where: path,
            });
          }
          filled += bytesRead;
        }
        return bytes;
      } finally {
        await file.close();
      }
    },
  };
}
