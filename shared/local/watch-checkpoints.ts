/** Checkpoints that another program writes into a folder, each handed on when it is complete. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { messageOf, UserError } from '../core/errors.ts';
import { isWeightFile, pathKind } from '../tensors/open-tensors.ts';

/** A file or folder with the weights of one checkpoint. */
export interface FoundCheckpoint {
  readonly path: string;
  /** The path of its rates. */
  readonly rates: string;
}

export interface WatchOptions {
  readonly signal: AbortSignal;
  /** Told how many checkpoints are there to begin with, which are left as they are. */
  readonly onStart: (present: number) => void;
  /** A complete checkpoint; @throws UserError when it is damaged. */
  readonly onCheckpoint: (found: FoundCheckpoint) => Promise<void>;
  /** A checkpoint that has not changed for a while and still can't be read: it is passed over until it changes. */
  readonly onDamaged: (found: FoundCheckpoint, why: string) => void;
  /** Milliseconds between two looks; absent: 1,000. */
  readonly every?: number;
  /** Looks without a change after which a checkpoint that can't be read is called damaged; absent: 10. */
  readonly patience?: number;
}

/** A checkpoint under way. */
interface Seen {
  /** Sizes and times of its files. */
  readonly state: string;
  /** Looks at which it was as it is now. */
  readonly looks: number;
  /** Whether it has been dealt with as it is now. */
  readonly done: boolean;
}

/**
 * Watches a folder until the signal: files of weights in it, and folders with weights in it. One is handed on when it has not changed
 * between two looks; where it can't be read then, it is tried again until it is called damaged.
 * @throws UserError when there is no such folder.
 */
export async function watchCheckpoints(folder: string, options: WatchOptions): Promise<void> {
  const { signal, onStart, onCheckpoint, onDamaged, every = 1000, patience = 10 } = options;
  if ((await pathKind(folder)) !== 'folder') {
    const isFile = (await pathKind(folder)) === 'file';
    throw new UserError(isFile ? 'is a file, not a folder' : 'there is no such folder', {
      where: folder,
      remedy:
        'Give the folder that your trainer writes its checkpoints into; it has to be there before the watch begins.',
    });
  }
  const present = await checkpointsIn(folder);
  const seen = new Map<string, Seen>(present.map(({ path, state }) => [path, { state, looks: 0, done: true }]));
  onStart(present.length);
  while (!signal.aborted) {
    for (const { state, ...found } of await checkpointsIn(folder)) {
      if (signal.aborted) return;
      const before = seen.get(found.path);
      const looks = before?.state === state ? before.looks + 1 : 0;
      if (before?.state === state && before.done) continue;
      let done = false;
      if (looks > 0) {
        try {
          await onCheckpoint(found);
          done = true;
        } catch (error) {
          if (signal.aborted) return;
          done = looks >= patience;
          if (done) onDamaged(found, messageOf(error));
        }
      }
      seen.set(found.path, { state, looks, done });
    }
    await wait(every, undefined, { signal }).catch(() => undefined);
  }
}

/** Files of a folder by which its weights are read. */
const besides = ['config.json', 'adapter_config.json'];

/** Folders that trainers fill before they give them their name. */
const isDraft = (name: string) => name.startsWith('.') || name.startsWith('tmp');

async function checkpointsIn(folder: string): Promise<(FoundCheckpoint & { state: string })[]> {
  const entries = (await list(folder)).filter(({ name }) => !isDraft(name));
  const found: (FoundCheckpoint & { state: string })[] = [];
  for (const entry of entries.toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) {
      if (!isWeightFile(entry.name)) continue;
      const rates = join(folder, `${basename(entry.name, extname(entry.name))}.rates.json`);
      found.push({ path, rates, state: await stateOf([path]) });
      continue;
    }
    const names = (await list(path)).map(({ name }) => name).filter((name) => !isDraft(name));
    if (!names.some(isWeightFile)) continue;
    const files = names.filter((name) => isWeightFile(name) || name.endsWith('.index.json') || besides.includes(name));
    const state = await stateOf(files.sort().map((name) => join(path, name)));
    found.push({ path, rates: join(path, 'rates.json'), state });
  }
  return found;
}

/** The entries of a folder; none where it has been removed. */
const list = (folder: string): Promise<Dirent[]> => readdir(folder, { withFileTypes: true }).catch(() => []);

async function stateOf(paths: readonly string[]): Promise<string> {
  const files = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
  return files.map((file, index) => `${paths[index]} ${file?.size} ${file?.mtimeMs} ${file?.ino}`).join('\n');
}
