import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { UserError } from '../core/errors.ts';

/** What identifies a file's content. */
export interface Fingerprint {
  readonly bytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/**
 * Size and SHA-256 of a file, read as a stream.
 * @throws UserError when it can't be read.
 */
export const fingerprintFile = (path: string): Promise<Fingerprint> => fingerprintFiles([path]);

/**
 * Size and SHA-256 of files one after the other.
 * @throws UserError when one can't be read.
 */
export async function fingerprintFiles(paths: readonly string[]): Promise<Fingerprint> {
  const hash = createHash('sha256');
  let bytes = 0;
  for (const path of paths) {
    try {
      await pipeline(createReadStream(path), async (chunks: AsyncIterable<Uint8Array>) => {
        for await (const chunk of chunks) {
          hash.update(chunk);
          bytes += chunk.byteLength;
        }
      });
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code;
      const what = code === 'ENOENT' ? 'there is no such file' : `can't be read (${code})`;
      throw new UserError(what, { where: path, remedy: 'Check `dataset.path` in the run file.', cause });
    }
  }
  return { bytes, sha256: hash.digest('hex') };
}
