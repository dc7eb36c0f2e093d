/** Comparisons as folders: `<folder>/<name>/`; the folder is the store's root and the name is the comparison's key prefix. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { comparisonKeys } from '../checkpoints/comparison-keys.ts';
import { sweepDrafts } from '../checkpoints/drafts.ts';
import { fileStore } from '../checkpoints/file-store.ts';
import { acquireProcessLock, type ProcessLock } from '../checkpoints/process-lock.ts';
import { UserError } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';
import type { RunFolder } from './run-folder.ts';

/** Where a comparison is. */
export interface ComparisonFolder extends Pick<RunFolder, 'root' | 'store'> {
  /** The comparison's name: its key prefix. */
  readonly comparison: string;
}

const requestFile = comparisonKeys.request('.').slice(2);

const hasRequest = (path: string) =>
  stat(join(path, requestFile)).then(
    () => true,
    () => false,
  );

export const comparisonIn = (root: string, name: string): ComparisonFolder => ({
  root,
  comparison: name,
  store: fileStore(root),
});

/** The comparison that is meant by a folder, or by a name below `comparisons/`. @throws UserError when there is none. */
export async function findComparison(given: string): Promise<ComparisonFolder> {
  for (const path of [resolve(given), resolve('comparisons', given)]) {
    if (await hasRequest(path)) return comparisonIn(dirname(path), basename(path));
  }
  const known = await readdir(resolve('comparisons')).catch(() => []);
  throw new UserError('there is no such comparison', {
    where: given,
    remedy: didYouMean(basename(given), known) || 'Give the folder of a comparison, or the compare file.',
  });
}

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
