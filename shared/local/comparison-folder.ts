/** Comparisons as folders: `<folder>/<name>/`; the folder is the store's root and the name is the comparison's key prefix. */
import { join } from 'node:path';
import { sweepDrafts } from '../checkpoints/drafts.ts';
import { fileStore } from '../checkpoints/file-store.ts';
import { acquireProcessLock, type ProcessLock } from '../checkpoints/process-lock.ts';
import { UserError } from '../core/errors.ts';
import type { RunFolder } from './run-folder.ts';

/** Where a comparison is. */
export interface ComparisonFolder extends Pick<RunFolder, 'root' | 'store'> {
  /** The comparison's name: its key prefix. */
  readonly comparison: string;
}

export const comparisonIn = (root: string, name: string): ComparisonFolder => ({
  root,
  comparison: name,
  store: fileStore(root),
});

/**
 * Keeps other processes out of the comparison until released.
 * @throws UserError naming the process that has it.
 */
export async function lockComparison({ root, comparison }: ComparisonFolder, now: () => Date): Promise<ProcessLock> {
  const path = join(root, comparison, 'lock.json');
  const lock = await acquireProcessLock(path, now);
  if (lock.held) {
    await sweepDrafts(join(root, comparison));
    return lock;
  }
  const { pid, host, since } = lock.holder;
  throw new UserError(`is in use by process ${pid} on ${host} since ${since}`, {
    where: join(root, comparison),
    remedy: `Wait for it or stop it. If it is certainly gone, delete ${path}.`,
  });
}
