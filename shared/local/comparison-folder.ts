/** Comparisons as folders: `<folder>/<name>/`; the folder is the store's root and the name is the comparison's key prefix. */
import { join } from 'node:path';
import { comparisonKeys } from '../checkpoints/comparison-keys.ts';
import { sweepDrafts } from '../checkpoints/drafts.ts';
import { fileStore } from '../checkpoints/file-store.ts';
import { encodeJson, readJson } from '../checkpoints/json.ts';
import { acquireProcessLock, type ProcessLock } from '../checkpoints/process-lock.ts';
import { describeChanges } from '../config/changes.ts';
import type { ComparisonSettings } from '../config/comparison.ts';
import { UserError } from '../core/errors.ts';
import { type ComparisonRequest, comparisonRequestSchema } from '../pipeline/comparison/records.ts';
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

/**
 * Writes what is to be compared; the comparison is to be locked. One that was begun goes on: seeds, sizes, arms and values may be
 * added, and how it is judged may change, but what its arms are may not.
 * @param inputs what the data are, by path, and how many rows
 * @throws UserError when it was begun with other settings or data.
 */
export async function beginComparison(
  { root, comparison, store }: ComparisonFolder,
  settings: ComparisonSettings,
  { data, rows }: Pick<ComparisonRequest, 'data' | 'rows'>,
): Promise<ComparisonRequest> {
  const key = comparisonKeys.request(comparison);
  const before = await readJson(store, key, comparisonRequestSchema);
  if (before) refuseOthers(before, { settings, data }, join(root, comparison));
  const request: ComparisonRequest = { version: 1, settings, data, rows, executions: (before?.executions ?? 0) + 1 };
  await store.put(key, encodeJson(request));
  await store.delete(comparisonKeys.outcome(comparison));
  return request;
}

/** @throws UserError when a run that is finished would not be what it says. */
function refuseOthers(
  before: ComparisonRequest,
  now: Pick<ComparisonRequest, 'settings' | 'data'>,
  where: string,
): void {
  const inBoth = now.settings.arms.flatMap((arm) => {
    const former = before.settings.arms.find(({ name }) => name === arm.name);
    return former ? describeChanges(former.config, arm.config).map((change) => `arms.${arm.name}: ${change}`) : [];
  });
  const of = ({ tuned, epoch, threads, reference }: ComparisonSettings) => ({
    tune: tuned?.key,
    epoch,
    threads,
    reference,
  });
  const others = [
    ...describeChanges(of(before.settings), of(now.settings)),
    ...inBoth,
    ...describeChanges(before.data, now.data).map((change) => `content of ${change}`),
  ];
  if (others.length === 0) return;
  const shown = others.slice(0, 10).map((line) => `    ${line}`);
  const more = others.length > shown.length ? `\n    and ${others.length - shown.length} more` : '';
  throw new UserError(`was begun with other settings or data:\n${shown.join('\n')}${more}`, {
    where,
    remedy: 'Put them back to go on with it, or give the new comparison another name.',
  });
}
