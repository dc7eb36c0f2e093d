import { createHash } from 'node:crypto';
import * as nodeFiles from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TransientError } from '../core/errors.ts';
import { fileSource } from '../tensors/byte-source.ts';
import { type ArtifactStore, checkKey, checkPrefix, sha256, type WrittenObject } from './artifact-store.ts';
import { codeOf, diskError } from './disk-error.ts';
import { draftName, sweepDrafts } from './drafts.ts';
import { acquireProcessLock } from './process-lock.ts';

/** The part of node:fs/promises that writes, so that tests can make a disk fail. */
export type FileWriter = Pick<typeof nodeFiles, 'open' | 'rename' | 'link'>;

/** Unfinished writes and locks lie here, outside every run. */
const scratchFolder = '.tempbalance-scratch';

/** How long a compare-and-swap waits for another process that is at the same key. */
const longestWaitMs = 10_000;

const isAbsence = (error: unknown) => ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error) ?? '');

async function syncFolder(path: string): Promise<void> {
  const folder = await nodeFiles.open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Waits until a file that was moved to a path is there for good, and closes it. */
async function synced(file: nodeFiles.FileHandle, path: string): Promise<void> {
  try {
    await file.sync();
    await syncFolder(dirname(path));
  } catch (error) {
    throw diskError(error, path);
  } finally {
    await file.close();
  }
}

/** Makes a folder so that it lasts: every folder that was made is synced into the one above it. */
async function makeFolder(path: string): Promise<void> {
  const first = await nodeFiles.mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = resolve(path); made.length >= resolve(first).length; made = dirname(made)) {
    await syncFolder(dirname(made));
  }
}

async function writeWhole(file: nodeFiles.FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) at += (await file.write(bytes, at)).bytesWritten;
}

/** Writes parts one behind the other; each is hashed while it is written. */
async function writeParts(file: nodeFiles.FileHandle, parts: Iterable<Uint8Array>): Promise<WrittenObject> {
  const hash = createHash('sha256');
  let bytes = 0;
  for (const part of parts) {
    const writing = writeWhole(file, part);
    hash.update(part);
    await writing;
    bytes += part.byteLength;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Bytes of a file that are read at a time to be hashed. */
const readAtOnce = 2 ** 20;

/** Reads a file to its end into memory that is used again and again; what was read is hashed while more is read. */
async function contentOf(path: string): Promise<WrittenObject> {
  const hash = createHash('sha256');
  const file = await nodeFiles.open(path);
  try {
    let [room, other] = [Buffer.allocUnsafe(readAtOnce), Buffer.allocUnsafe(readAtOnce)];
    let bytes = 0;
    for (let reading = file.read(room, 0, readAtOnce, 0); ; ) {
      const { bytesRead } = await reading;
      if (bytesRead === 0) return { bytes, sha256: hash.digest('hex') };
      bytes += bytesRead;
      reading = file.read(other, 0, readAtOnce, bytes);
      hash.update(room.subarray(0, bytesRead));
      [room, other] = [other, room];
    }
  } finally {
    await file.close();
  }
}

/** A store in the folder `root`; each object is a file, written aside, synced and moved into place. */
export function fileStore(root: string, files: FileWriter = nodeFiles): ArtifactStore {
  const scratch = join(root, scratchFolder);
  const pathOf = (key: string) => {
    checkKey(key);
    if (key.startsWith(`${scratchFolder}/`)) throw new RangeError(`${scratchFolder} is not for artifacts`);
    return join(root, ...key.split('/'));
  };

  /** Folders that were there when last written to. */
  const madeFolders = new Set<string>();
  async function ensureFolder(path: string): Promise<void> {
    if (madeFolders.has(path)) return;
    await makeFolder(path);
    madeFolders.add(path);
  }

  /** Writes `bytes` aside and lets `place` move them to their path, leaving no draft. */
  async function writeAside<T>(path: string, bytes: Uint8Array, place: (draft: string) => Promise<T>): Promise<T> {
    const draft = join(scratch, draftName());
    try {
      await ensureFolder(scratch);
      await ensureFolder(dirname(path));
      const file = await files.open(draft, 'wx');
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      const placed = await place(draft);
      await syncFolder(dirname(path));
      return placed;
    } catch (error) {
      madeFolders.clear();
      await nodeFiles.rm(draft, { force: true }).catch(() => undefined);
      throw diskError(error, path);
    }
  }

  /** What was put and is on its way to the disk, or has failed to get there, by path. */
  const unsettled = new Map<string, Promise<void>>();

  /** Writes parts aside and moves them to their path; leaves it to `settle` to wait for the disk. */
  async function putDeferred(path: string, parts: Iterable<Uint8Array>): Promise<WrittenObject> {
    const draft = join(scratch, draftName());
    let file: nodeFiles.FileHandle | undefined;
    try {
      await ensureFolder(scratch);
      await ensureFolder(dirname(path));
      file = await files.open(draft, 'wx');
      const written = await writeParts(file, parts);
      await files.rename(draft, path);
      const settling = synced(file, path);
      unsettled.set(path, settling);
      settling.then(
        () => unsettled.get(path) === settling && unsettled.delete(path),
        () => {},
      );
      return written;
    } catch (error) {
      madeFolders.clear();
      await file?.close().catch(() => undefined);
      await nodeFiles.rm(draft, { force: true }).catch(() => undefined);
      throw diskError(error, path);
    }
  }

  const replace = async (path: string, bytes: Uint8Array) => {
    await writeAside(path, bytes, (draft) => files.rename(draft, path));
    return sha256(bytes);
  };

  /** What `look` finds at the key's path; undefined when there is no file. */
  async function lookUp<T>(key: string, look: (path: string) => Promise<T>): Promise<T | undefined> {
    const path = pathOf(key);
    try {
      return await look(path);
    } catch (error) {
      if (isAbsence(error)) return undefined;
      throw diskError(error, path);
    }
  }

  const get = (key: string) =>
    lookUp(key, async (path) => {
      const { buffer, byteOffset, byteLength } = await nodeFiles.readFile(path);
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      return { bytes, etag: sha256(bytes) };
    });

  /** One compare-and-swap at a time per key, over all processes; a process that died holding it is passed over. */
  async function exclusively<T>(key: string, action: () => Promise<T>): Promise<T> {
    const path = join(scratch, `lock-${sha256(new TextEncoder().encode(key)).slice(0, 32)}`);
    const began = performance.now();
    for (;;) {
      const lock = await acquireProcessLock(path, () => new Date());
      if (lock.held) {
        try {
          return await action();
        } finally {
          await lock.release();
        }
      }
      if (performance.now() - began > longestWaitMs) {
        const { pid, host } = lock.holder;
        throw new TransientError(`process ${pid} on ${host} has been writing it for too long`, {
          where: join(root, key),
          remedy: `If that process is certainly gone, delete ${path}.`,
        });
      }
      await sleep(1 + 4 * Math.random());
    }
  }

  return {
    label: root,
    get,
    open: (key) => lookUp(key, async (path) => ((await nodeFiles.stat(path)).isFile() ? fileSource(path) : undefined)),
    content: (key) => lookUp(key, contentOf),
    put: async (key, bytes) => replace(pathOf(key), bytes),
    deferred: {
      put: async (key, parts) => putDeferred(pathOf(key), parts),
      async settle() {
        await Promise.all(unsettled.values());
      },
    },
    async putIfAbsent(key, bytes) {
      const path = pathOf(key);
      const created = await writeAside(path, bytes, async (draft) => {
        try {
          await files.link(draft, path);
          return true;
        } catch (error) {
          if (codeOf(error) === 'EEXIST') return false;
          throw error;
        } finally {
          await nodeFiles.rm(draft, { force: true });
        }
      });
      return created ? sha256(bytes) : undefined;
    },
    async putIfMatch(key, bytes, etag) {
      const path = pathOf(key);
      return exclusively(key, async () => ((await get(key))?.etag === etag ? replace(path, bytes) : undefined));
    },
    async list(prefix) {
      checkPrefix(prefix);
      const folder = join(root, ...prefix.split('/').slice(0, -1));
      let found: Awaited<ReturnType<typeof readTree>>;
      try {
        found = await readTree(folder);
      } catch (error) {
        if (isAbsence(error)) return [];
        throw diskError(error, folder);
      }
      return found
        .filter((entry) => entry.isFile())
        .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
        .filter((key) => key.startsWith(prefix) && !key.startsWith(`${scratchFolder}/`))
        .sort();
    },
    async delete(key) {
      const path = pathOf(key);
      try {
        await nodeFiles.unlink(path);
      } catch (error) {
        const isFolder = codeOf(error) === 'EPERM' && (await nodeFiles.stat(path)).isDirectory();
        if (!isAbsence(error) && !isFolder) throw diskError(error, path);
      }
    },
  };
}

const readTree = (folder: string) => nodeFiles.readdir(folder, { recursive: true, withFileTypes: true });

/** Removes the unfinished writes of processes that are gone. */
export const sweepScratch = (root: string): Promise<void> => sweepDrafts(join(root, scratchFolder));
