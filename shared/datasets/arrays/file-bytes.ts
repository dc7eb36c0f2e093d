/** Bytes of an open file, by ranges. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { cantBeOpened, cutOff } from './refusals.ts';

/** Exactly the bytes `[start, end)`. @throws BrokenInputError when there are fewer. */
export type ReadBytes = (start: number, end: number) => Promise<Uint8Array>;

export interface FileBytes {
  readonly path: string;
  readonly size: number;
  readonly read: ReadBytes;
}

/** Opens a file, hands its bytes to `use`, and closes it whatever happens. */
export async function withFileBytes<Result>(path: string, use: (file: FileBytes) => Promise<Result>): Promise<Result> {
  const descriptor = openForReading(path);
  try {
    const { size } = fstatSync(descriptor);
    const read: ReadBytes = async (start, end) => {
      if (end > size) throw cutOff(path, 'what is to be read', end, size);
      const bytes = new Uint8Array(end - start);
      let filled = 0;
      while (filled < bytes.length) {
        const count = readSync(descriptor, bytes, filled, bytes.length - filled, start + filled);
        if (count === 0) throw cutOff(path, 'what is to be read', end, start + filled);
        filled += count;
      }
      return bytes;
    };
    return await use({ path, size, read });
  } finally {
    closeSync(descriptor);
  }
}

function openForReading(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    return cantBeOpened(path, cause as NodeJS.ErrnoException);
  }
}
