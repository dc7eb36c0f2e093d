import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UserError } from '../core/errors.ts';
import { matchingFiles } from './data-path.ts';

/** The identity of a file's content: its size and digest. */
export interface Fingerprint {
  readonly bytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/**
 * Size and SHA-256 of a file, read as a stream, or of the files in a folder with their names.
 * @throws UserError when it can't be read.
 */
export const fingerprintFile = (path: string): Promise<Fingerprint> => fingerprintFiles([path]);

/**
 * Size and SHA-256 of files, folders, or what patterns name, one after the other.
 * @throws UserError when one can't be read.
 */
export async function fingerprintFiles(paths: readonly string[]): Promise<Fingerprint> {
  const hash = createHash('sha256');
  let bytes = 0;
  for (const given of paths) {
    for (const { path, name } of await filesAt(given)) {
      if (name !== undefined) hash.update(`${name}\0`);
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
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Bytes of a file, of the files in a folder, or of those that a pattern names; undefined: one is not there. */
export async function sizeOf(path: string): Promise<number | undefined> {
  let total = 0;
  for (const { path: file } of await filesAt(path)) {
    const status = await stat(file).catch(() => undefined);
    if (!status) return undefined;
    total += status.size;
  }
  return total;
}

/** The file itself, or every file below a folder or of a pattern, in the order of their names, which count too. */
async function filesAt(path: string): Promise<{ path: string; name?: string }[]> {
  const matching = await matchingFiles(path);
  if (matching && matching.length > 0) return matching.map((file) => ({ path: file, name: basename(file) }));
  if (!(await stat(path).catch(() => undefined))?.isDirectory()) return [{ path }];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
    .map((file) => ({ path: file, name: relative(path, file) }));
}
