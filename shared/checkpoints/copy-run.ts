/** Copying a run from one store to another, so that it can go on there. */
import { UserError } from '../core/errors.ts';
import { type ArtifactStore, sha256 } from './artifact-store.ts';
import { readHead } from './manifest.ts';
import { runKeys } from './run-keys.ts';

/** Where a run is. */
export interface RunPlace {
  readonly store: ArtifactStore;
  /** Key prefix. */
  readonly run: string;
}

/** Files of the place and not of the run: results on their way, inputs, locks, drafts. */
const isOfPlace = (file: string) => /^(results\/|inputs\/|lock|draft-)/.test(file);

/** Files in the order in which a run is written: what is named comes before what names it. */
const rankOf = (file: string) => {
  if (file === 'head.json') return 3;
  if (!file.includes('/')) return 2;
  return file.endsWith('/manifest.json') ? 1 : 0;
};

/**
 * Copies what is committed, and the files beside it. A copy that is cut off is mended by copying again.
 * @param replace contents that are to be others there, by file, e.g. `request.json`.
 * @throws UserError when the target has epochs that the run does not have.
 */
export async function copyRun(
  from: RunPlace,
  to: RunPlace,
  replace: Readonly<Record<string, Uint8Array>> = {},
): Promise<void> {
  const head = await readHead(from.store, from.run);
  await refuseOtherHistory(from, to);
  const prefix = `${from.run}/`;
  const all = (await from.store.list(prefix)).map((key) => key.slice(prefix.length));
  const isAhead = (file: string) => Number(/^epochs\/(\d+)\//.exec(file)?.[1] ?? -1) > (head?.epoch ?? -1);
  const files = all.filter((file) => !isOfPlace(file) && !isAhead(file)).sort((a, b) => rankOf(a) - rankOf(b));
  if (!files.includes('outcome.json')) await to.store.delete(runKeys.outcome(to.run));
  for (const file of files) {
    const bytes = replace[file] ?? (await from.store.get(`${prefix}${file}`))?.bytes;
    if (bytes) await to.store.put(`${to.run}/${file}`, bytes);
  }
}

/** A run of the same name there is either the same one, not as far, or another one. */
async function refuseOtherHistory(from: RunPlace, to: RunPlace): Promise<void> {
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
