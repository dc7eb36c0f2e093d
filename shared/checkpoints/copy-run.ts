/** Copying a run from one store to another, so that it can go on there. */
import { UserError } from '../core/errors.ts';
import { mapInFlight } from '../core/in-flight.ts';
import { type ArtifactStore, sha256 } from './artifact-store.ts';
import { readHead } from './manifest.ts';
import { runKeys } from './run-keys.ts';

/** The store and the key of a run. */
export interface RunPlace {
  readonly store: ArtifactStore;
  /** Key prefix. */
  readonly run: string;
}

/** Files of the place and not of the run: results on their way, what was told of it there, who is waited for there, inputs, locks, drafts. */
const isOfPlace = (file: string) => /^(results\/|events\/|approval\.json|inputs\/|lock|draft-)/.test(file);

/** Files are written in this order: what is named comes before what names it. */
const ranks = ['content', 'manifest', 'record', 'head'] as const;
const rankOf = (file: string): (typeof ranks)[number] => {
  if (file === 'head.json') return 'head';
  if (!file.includes('/')) return 'record';
  return file.endsWith('/manifest.json') ? 'manifest' : 'content';
};

const filesAtATime = 8;

/**
 * Copies what is committed, and the files beside it. A copy that is cut off is mended by copying again.
 * @param replace contents that are to be others there, by file, e.g. `request.json`.
 * @param copyFile copies a file of this name where the bytes need not come here; absent: they do.
 * @throws UserError when the target has epochs that the run does not have.
 */
export async function copyRun(
  from: RunPlace,
  to: RunPlace,
  replace: Readonly<Record<string, Uint8Array>> = {},
  copyFile?: (file: string) => Promise<void>,
): Promise<void> {
  const head = await readHead(from.store, from.run);
  await refuseOtherHistory(from, to);
  const prefix = `${from.run}/`;
  const all = (await from.store.list(prefix)).map((key) => key.slice(prefix.length));
  const isAhead = (file: string) => Number(/^epochs\/(\d+)\//.exec(file)?.[1] ?? -1) > (head?.epoch ?? -1);
  const files = all.filter((file) => !isOfPlace(file) && !isAhead(file));
  const copy = async (file: string): Promise<void> => {
    if (copyFile && !replace[file]) {
      await copyFile(file);
      return;
    }
    const bytes = replace[file] ?? (await from.store.get(`${prefix}${file}`))?.bytes;
    if (bytes) await to.store.put(`${to.run}/${file}`, bytes);
  };
  if (!files.includes('outcome.json')) await to.store.delete(runKeys.outcome(to.run));
  for (const rank of ranks) {
    await mapInFlight(
      files.filter((file) => rankOf(file) === rank),
      { count: filesAtATime },
      copy,
    );
  }
}

/**
 * A run of the same name there is either the same one, not as far, or another one.
 * @throws UserError when the target has epochs that the run does not have.
 */
export async function refuseOtherHistory(from: RunPlace, to: RunPlace): Promise<void> {
  const theirs = await readHead(to.store, to.run);
  if (!theirs) return;
  const same = await from.store.get(runKeys.manifest(from.run, theirs.epoch));
  const ours = await readHead(from.store, from.run);
  if (ours && ours.epoch >= theirs.epoch && same && sha256(same.bytes) === theirs.manifest) return;
  throw new UserError(`there is a run of this name with an epoch ${theirs.epoch} that this one does not have`, {
    where: `${to.store.label}/${to.run}`,
    remedy: `Go on with that one, or move it out of the way (this one is ${from.store.label}/${from.run}).`,
  });
}
