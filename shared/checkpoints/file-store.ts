import { createHash, randomUUID } from 'node:crypto';
import * as nodeFiles from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RunError, TransientError } from '../core/errors.ts';
import { fileSource } from '../tensors/byte-source.ts';
import { type ArtifactStore, checkKey, sha256 } from './artifact-store.ts';
import { acquireProcessLock } from './process-lock.ts';

/** The part of node:fs/promises that writes, so that tests can make a disk fail. */
export type FileWriter = Pick<typeof nodeFiles, 'open' | 'rename' | 'link'>;

/** Unfinished writes and locks lie here, outside every run. */
const scratchFolder = '.tempbalance-scratch';

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

/** Turns what the disk says into a message; what was stored before is untouched. */
function diskError(error: unknown, path: string): Error {
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new RunError('the disk is full; what was committed before is intact', {
      where: path,
      remedy: 'Free some space (or keep fewer epochs: output.keep), then resume the run.',
      cause: error,
    });
  }
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') {
    return new RunError('may not be written', { where: path, remedy: 'Check the folder and its owner.', cause: error });
  }
  if (code === 'EIO' || code === 'EBUSY' || code === 'EMFILE' || code === 'ENFILE') {
    return new TransientError(`writing failed (${code})`, { where: path, cause: error });
  }
  return error as Error;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await nodeFiles.open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A store in the folder `root`; each object is a file, written aside, synced and moved into place. */
export function fileStore(root: string, files: FileWriter = nodeFiles): ArtifactStore {
  const scratch = join(root, scratchFolder);
  const pathOf = (key: string) => {
    checkKey(key);
    return join(root, ...key.split('/'));
  };

  /** Writes `bytes` aside and lets `place` move them to their path. */
  async function writeAside<T>(path: string, bytes: Uint8Array, place: (draft: string) => Promise<T>): Promise<T> {
    const draft = join(scratch, `${process.pid}-${randomUUID()}`);
    try {
      await nodeFiles.mkdir(scratch, { recursive: true });
      await nodeFiles.mkdir(dirname(path), { recursive: true });
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
      throw diskError(error, path);
    } finally {
      await nodeFiles.rm(draft, { force: true });
    }
  }

  const replace = async (path: string, bytes: Uint8Array) => {
    await writeAside(path, bytes, (draft) => files.rename(draft, path));
    return sha256(bytes);
  };

  const get = async (key: string) => {
    try {
      const bytes = await nodeFiles.readFile(pathOf(key));
      return { bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), etag: sha256(bytes) };
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'EISDIR') return undefined;
      throw error;
    }
  };

  /** One compare-and-swap at a time per key, over all processes; a process that died holding it is passed over. */
  async function exclusively<T>(key: string, action: () => Promise<T>): Promise<T> {
    const path = join(scratch, `lock-${createHash('sha256').update(key).digest('hex').slice(0, 32)}`);
    for (;;) {
      const lock = await acquireProcessLock(path, () => new Date());
      if (lock.held) {
        try {
          return await action();
        } finally {
          await lock.release();
        }
      }
      await sleep(1 + 4 * Math.random());
    }
  }

  return {
    label: root,
    get,
    async open(key) {
      try {
        return await fileSource(pathOf(key));
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
    put: (key, bytes) => replace(pathOf(key), bytes),
    async putIfAbsent(key, bytes) {
      const path = pathOf(key);
      const created = await writeAside(path, bytes, (draft) =>
        files.link(draft, path).then(
          () => true,
          (error) => {
            if (codeOf(error) === 'EEXIST') return false;
            throw error;
          },
        ),
      );
      return created ? sha256(bytes) : undefined;
    },
    putIfMatch: (key, bytes, etag) =>
      exclusively(key, async () => ((await get(key))?.etag === etag ? replace(pathOf(key), bytes) : undefined)),
    async list(prefix) {
      const folder = join(root, ...prefix.split('/').slice(0, -1));
      let found: Awaited<ReturnType<typeof readTree>>;
      try {
        found = await readTree(folder);
      } catch (error) {
        if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
        throw error;
      }
      return found
        .filter((entry) => entry.isFile())
        .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
        .filter((key) => key.startsWith(prefix) && !key.startsWith(`${scratchFolder}/`))
        .sort();
    },
    async delete(key) {
      await nodeFiles.rm(pathOf(key), { force: true });
    },
  };
}

const readTree = (folder: string) => nodeFiles.readdir(folder, { recursive: true, withFileTypes: true });

/** Removes the unfinished writes of processes that are gone. */
export async function sweepScratch(root: string): Promise<void> {
  const scratch = join(root, scratchFolder);
  for (const name of await nodeFiles.readdir(scratch).catch(() => [])) {
    const pid = Number(/^(\d+)-/.exec(name)?.[1]);
    if (pid && !processExists(pid)) await nodeFiles.rm(join(scratch, name), { force: true });
  }
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}
