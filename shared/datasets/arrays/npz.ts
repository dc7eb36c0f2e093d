/** NumPy's .npz: a ZIP archive of .npy files, stored as they are or deflated. */
import type { Entry, ZipFile } from 'yauzl';
import { messageOf, UserError } from '../../core/errors.ts';
import type { ArrayFile } from './array-file.ts';
import type { FileBytes, ReadBytes } from './file-bytes.ts';
import { fileOfArrays, type NamedContent } from './file-of-arrays.ts';
import {
  type Allowance,
  allowance,
  checkInflatedSize,
  type Deflated,
  inflatedBytes,
  inflatedHead,
} from './inflated.ts';
import { type LinearArray, linearArray } from './linear.ts';
import { readNpyHeader } from './npy.ts';
import { cutOff, damaged } from './refusals.ts';

/** Members of an archive that are looked at. */
const maxMembers = 10_000;
/** Bytes of a deflated member that are inflated for its header. */
const headBytes = 64 * 2 ** 10;

const stored = 0;
const deflated = 8;

/** Opens a .npz file, hands it to `use`, and frees what its members hold. */
export async function withNpz<Result>(
  file: FileBytes,
  use: (arrays: ArrayFile) => Result | Promise<Result>,
): Promise<Result> {
  const { path } = file;
  const members = new Map<string, NamedContent>();
  const closers: (() => Promise<void>)[] = [];
  const keep = allowance();
  try {
    for (const { entry, start } of await entriesOf(file)) {
      if (!entry.fileName.endsWith('.npy')) continue;
      members.set(entry.fileName.slice(0, -'.npy'.length), await memberOf(file, entry, start, closers, keep));
    }
    if (members.size === 0) {
      throw new UserError('is a ZIP archive without a .npy file in it', {
        where: path,
        remedy: 'Write the arrays with `numpy.savez`.',
      });
    }
    return await use(fileOfArrays(path, '.npz', members));
  } finally {
    for (const close of closers) await close();
  }
}

/** The members of an archive, and where the bytes of each begin. */
async function entriesOf({ path }: FileBytes): Promise<{ entry: Entry; start: number }[]> {
  const { openPromise } = await import('yauzl');
  let archive: ZipFile | undefined;
  try {
    archive = await openPromise(path, { lazyEntries: true, autoClose: false });
    const entries: { entry: Entry; start: number }[] = [];
    for await (const entry of archive.eachEntry()) {
      if (entries.length >= maxMembers) throw new Error(`it has more than ${maxMembers} members`);
      const { fileDataStart } = await archive.readLocalFileHeaderPromise(entry, { minimal: true });
      entries.push({ entry, start: fileDataStart });
    }
    return entries;
  } catch (cause) {
    throw damaged(path, `can't be read as ZIP (.npz): ${messageOf(cause)}`, cause);
  } finally {
    archive?.close();
  }
}

async function memberOf(
  file: FileBytes,
  entry: Entry,
  start: number,
  closers: (() => Promise<void>)[],
  keep: Allowance,
): Promise<NamedContent> {
  const what = `member "${entry.fileName}"`;
  const { path } = file;
  const { compressedSize, uncompressedSize, compressionMethod } = entry;
  if (entry.isEncrypted()) return { refused: 'encrypted' };
  if (compressionMethod !== stored && compressionMethod !== deflated) {
    return { refused: `compressed by method ${compressionMethod} of ZIP, which is not deflate` };
  }
  const end = start + compressedSize;
  if (end > file.size) throw cutOff(path, what, compressedSize, Math.max(0, file.size - start));

  const finish = async (read: ReadBytes, later: (array: LinearArray) => ReadBytes): Promise<NamedContent> => {
    const header = await readNpyHeader(path, what, read, uncompressedSize);
    if ('refused' in header) return header;
    const name = entry.fileName.slice(0, -'.npy'.length);
    return linearArray(name, header.array, later(header.array), compressedSize);
  };
  if (compressionMethod === stored) {
    if (uncompressedSize !== compressedSize) throw damaged(path, `${what} is stored, but its two sizes differ`);
    const read: ReadBytes = (from, to) => file.read(start + from, start + to);
    return finish(read, () => read);
  }

  const source: Deflated = { what, format: 'raw', start, end };
  checkInflatedSize(path, source, uncompressedSize);
  let head = await inflatedHead(file, source, headBytes);
  const readHead: ReadBytes = async (from, to) => {
    if (to > head.length && head.length >= headBytes) head = await inflatedHead(file, source, to);
    if (to > head.length) throw cutOff(path, what, uncompressedSize, head.length);
    return head.subarray(from, to);
  };
  return finish(readHead, () => {
    const inflated = inflatedBytes(file, source, uncompressedSize, keep);
    closers.push(inflated.close);
    return inflated.read;
  });
}
