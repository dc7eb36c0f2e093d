/** Runs as folders: `<folder>/<name>/`; the folder is the store's root and the name is the run's key prefix. */
import { mkdir, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { comparisonKeys } from '../checkpoints/comparison-keys.ts';
import { diskError } from '../checkpoints/disk-error.ts';
import { sweepDrafts } from '../checkpoints/drafts.ts';
import { fileStore } from '../checkpoints/file-store.ts';
import { encodeJson } from '../checkpoints/json.ts';
import { acquireProcessLock, lockHolder, type ProcessLock } from '../checkpoints/process-lock.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { nameFrom } from '../config/default-name.ts';
import type { RunConfig } from '../config/run-file.ts';
import { UserError } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';

/** The folder of a run, and its store. */
export interface RunFolder {
  /** The folder that holds the runs: the store's root. */
  readonly root: string;
  /** The run's name: its key prefix. */
  readonly run: string;
  readonly store: ArtifactStore;
}

const lockFile = 'lock.json';

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Names of the runs in a folder, oldest name first; none when the folder does not exist. */
export async function listRuns(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  const runs: string[] = [];
  for (const entry of entries) {
    if (entry.isDirectory() && (await exists(join(root, entry.name, 'request.json')))) runs.push(entry.name);
  }
  return runs.sort();
}

/** The run that is meant by a folder, or by a name below `runs/`; undefined: there is none. */
export async function runAt(given: string): Promise<RunFolder | undefined> {
  for (const path of [resolve(given), resolve('runs', given)]) {
    if (await exists(join(path, 'request.json'))) {
      return { root: dirname(path), run: basename(path), store: fileStore(dirname(path)) };
    }
  }
  return undefined;
}

/** The run that is meant, as by `runAt`. @throws UserError when there is none. */
export async function findRun(given: string): Promise<RunFolder> {
  const found = await runAt(given);
  if (found) return found;
  await refuseComparison(given);
  const known = await listRuns(resolve('runs'));
  throw new UserError('there is no such run', {
    where: given,
    remedy:
      didYouMean(basename(given), known) ||
      (known.length > 0
        ? `In runs/ there are: ${known.join(', ')}.`
        : 'Give the folder of a run; `npx tempbalance runs` lists them.'),
  });
}

/** The store and key prefix of a run, from which the comparison that it belongs to can be seen too. */
export async function runInComparison({ root, run, store }: RunFolder): Promise<Pick<RunFolder, 'run' | 'store'>> {
  const comparison = dirname(root);
  const key = comparisonKeys.run(basename(comparison), run);
  const isInside = join(dirname(comparison), key) === join(root, run);
  if (!isInside || !(await exists(join(comparison, 'compare.json')))) return { run, store };
  return { run: key, store: fileStore(dirname(comparison)) };
}

/** @throws UserError where the folder is that of a comparison, or the name is one below `comparisons/`. */
async function refuseComparison(given: string): Promise<void> {
  for (const path of [resolve(given), resolve('comparisons', given)]) {
    if (!(await exists(join(path, 'compare.json')))) continue;
    const report = join(path, 'report.html');
    throw new UserError('is a comparison, not a run', {
      where: given,
      remedy: (await exists(report))
        ? `Its report is ${report}; its runs lie in ${join(path, 'runs')}.`
        : `It has no report yet; its runs lie in ${join(path, 'runs')}.`,
    });
  }
}

/** The state of a run on this machine that has no outcome. */
export type Unfinished = 'running' | 'stopped' | 'crashed';

/** Whether a process is at a run now, or else whether the last one let go of it, or died. */
export async function unfinishedState({ root, run }: Pick<RunFolder, 'root' | 'run'>): Promise<Unfinished> {
  const held = await lockHolder(join(root, run, lockFile));
  if (!held) return 'stopped';
  return held.isAlive ? 'running' : 'crashed';
}

/** The state of a run or comparison: what is on record, unless somebody is at it again, or it has not ended. */
export const stateNow = <State extends string, Now extends Unfinished>(recorded: State, now: Now): State | Now =>
  recorded === 'running' || now === 'running' ? now : recorded;

const timestamp = (date: Date) => date.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);

/**
 * Where a new run goes: named by its settings, or by the run file and the time. A folder of a name by the time is made, so that no other run has that name.
 * @throws RunError when it can't be made.
 */
export async function newRun(config: RunConfig, options: { source?: string; now: Date }): Promise<RunFolder> {
  const { folder: root, name } = config.output;
  const stem = nameFrom(basename(options.source ?? '').replace(/\.[^.]+$/, ''), 'run');
  return { root, run: name ?? (await claimed(root, `${stem}-${timestamp(options.now)}`)), store: fileStore(root) };
}

/** The first of `name`, `name-2`, `name-3`, ... that nothing in the folder has. */
async function claimed(root: string, name: string): Promise<string> {
  for (let number = 1; ; number++) {
    const run = number === 1 ? name : `${name}-${number}`;
    try {
      await mkdir(root, { recursive: true });
      await mkdir(join(root, run));
      return run;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !(await exists(join(root, run)))) {
        throw diskError(error, join(root, run));
      }
    }
  }
}

/**
 * Writes the settings that are asked for; the run is to be locked. One that never got as far as a commit is begun anew.
 * @throws UserError when a run of that name has commits.
 */
export async function beginRun(
  { root, run, store }: RunFolder,
  config: RunConfig,
  { source, overrides = [] }: { source?: string; overrides?: readonly string[] } = {},
): Promise<void> {
  if (await store.get(runKeys.head(run))) {
    throw new UserError('a run of this name exists', {
      where: join(root, run),
      remedy: `Go on with it by \`npx tempbalance resume ${join(root, run)}\`, or choose another output.name.`,
    });
  }
  const request = { version: 1, config, ...(source === undefined ? {} : { source: resolve(source) }), overrides };
  await store.delete(runKeys.record(run));
  await store.put(runKeys.request(run), encodeJson(request));
}

/**
 * Keeps other processes out of the run, or of a comparison of that name, until released.
 * @throws UserError naming the process that has it.
 */
export async function lockRun({ root, run }: RunFolder, now: () => Date): Promise<ProcessLock> {
  const path = join(root, run, lockFile);
  const lock = await acquireProcessLock(path, now);
  if (lock.held) {
    await sweepDrafts(join(root, run));
    return lock;
  }
  const { pid, host, since } = lock.holder;
  throw new UserError(`is in use by process ${pid} on ${host} since ${since}`, {
    where: join(root, run),
    remedy: `Wait for it or stop it. If it is certainly gone, delete ${path}.`,
  });
}
