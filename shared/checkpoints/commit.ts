import { RunError } from '../core/errors.ts';
import { type ArtifactStore, type StoredObject, sha256 } from './artifact-store.ts';
import { encodeJson } from './json.ts';
import {
  damageOf,
  decodeHead,
  decodeManifest,
  encodeManifest,
  type FileRecords,
  type Manifest,
  readHead,
  readHeadManifest,
} from './manifest.ts';
import { runKeys } from './run-keys.ts';

/** Another writer has moved the run: nothing is lost, and that writer goes on with it. */
export class OvertakenError extends RunError {
  override readonly name: string = 'OvertakenError';
}

/** An attempt at an epoch, all of its files written. */
export interface Attempt {
  readonly run: string;
  readonly epoch: number;
  readonly attempt: string;
  readonly files: FileRecords;
}

async function refuseDamage(store: ArtifactStore, attempt: Attempt): Promise<void> {
  const refuse = async (file: string) => {
    const damage = await damageOf(store, attempt, file);
    if (!damage) return;
    throw new RunError(damage, {
      where: `${store.label}/${runKeys.artifact(attempt.run, attempt.epoch, attempt.attempt, file)}`,
      remedy: 'It was not committed. Resume the run to train this epoch again.',
    });
  };
  await Promise.all(Object.keys(attempt.files).map(refuse));
}

/** A manifest as it is stored, and the digest by which the head and the next manifest name it. */
interface StoredManifest {
  readonly manifest: Manifest;
  readonly digest: string;
}

/** The manifest that stands for the epoch: ours, or an intact one that a writer left before the head was moved. */
async function placeManifest(store: ArtifactStore, ours: Manifest): Promise<StoredManifest> {
  const { run, epoch, previous } = ours;
  const key = runKeys.manifest(run, epoch);
  const bytes = encodeManifest(ours);
  const placed = { manifest: ours, digest: sha256(bytes) };
  for (;;) {
    if (await store.putIfAbsent(key, bytes)) return placed;
    const theirs = await inspect(store, run, epoch);
    if ('manifest' in theirs && theirs.manifest.previous === previous) return theirs;
    const object = await store.get(key);
    if (object && (await store.putIfMatch(key, bytes, object.etag))) return placed;
  }
}

/** Moves the head from the version with this tag (undefined: there is none); false when another process was first. */
async function moveHead(
  store: ArtifactStore,
  run: string,
  etag: string | undefined,
  { manifest, digest }: StoredManifest,
): Promise<boolean> {
  const key = runKeys.head(run);
  const bytes = encodeJson({ epoch: manifest.epoch, manifest: digest });
  const moved = etag === undefined ? store.putIfAbsent(key, bytes) : store.putIfMatch(key, bytes, etag);
  return (await moved) !== undefined;
}

/**
 * Commits an attempt: verifies its files, waits until they are on the disk, writes the manifest, then moves the head from the epoch before by
 * compare-and-swap. Safe to repeat: an epoch that is already the head is answered with its manifest.
 * @throws OvertakenError when the head is elsewhere (another writer).
 * @throws RunError when a file is not what was written.
 */
export async function commit(store: ArtifactStore, attempt: Attempt, committedAt: Date): Promise<Manifest> {
  const { run, epoch } = attempt;
  const head = await readHead(store, run);
  if (head?.epoch === epoch) return readHeadManifest(store, run);
  if ((head?.epoch ?? -1) !== epoch - 1) {
    throw new OvertakenError(
      `epoch ${epoch} can't follow epoch ${head?.epoch ?? 'none'}: another process has moved the run`,
      {
        where: `${store.label}/${run}`,
        remedy: 'Let the other process finish, or resume when it has stopped.',
      },
    );
  }
  await Promise.all([refuseDamage(store, attempt), store.deferred?.settle()]);
  const placed = await placeManifest(store, {
    version: 1,
    run,
    epoch,
    attempt: attempt.attempt,
    previous: head?.manifest ?? null,
    files: attempt.files,
    committedAt: committedAt.toISOString(),
  });
  if (await moveHead(store, run, head?.etag, placed)) return placed.manifest;
  const winner = await readHead(store, run);
  if (winner?.epoch === epoch && winner.manifest === placed.digest) return placed.manifest;
  throw new OvertakenError(`another process committed epoch ${winner?.epoch ?? epoch} first`, {
    where: `${store.label}/${run}`,
    remedy: 'Nothing is lost: that process goes on with the run.',
  });
}

/** A fault in the files of a committed epoch. */
export interface Damage {
  readonly epoch: number;
  readonly key: string;
  readonly what: string;
}

/** The epoch's manifest when it and all of its files are intact, else the first thing that is wrong. */
async function inspect(store: ArtifactStore, run: string, epoch: number): Promise<StoredManifest | Damage> {
  const key = runKeys.manifest(run, epoch);
  const object = await store.get(key);
  if (!object) return { epoch, key, what: 'is missing' };
  const manifest = decoded(() => decodeManifest(run, epoch, object.bytes));
  if (!manifest) return { epoch, key, what: 'is damaged' };
  for (const file of Object.keys(manifest.files)) {
    const what = await damageOf(store, manifest, file);
    if (what) return { epoch, key: runKeys.artifact(run, epoch, manifest.attempt, file), what };
  }
  return { manifest, digest: sha256(object.bytes) };
}

function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

/** The highest epoch that has a manifest. */
async function newestEpoch(store: ArtifactStore, run: string): Promise<number | undefined> {
  const keys = await store.list(runKeys.epochs(run));
  const epochs = keys.map((key) => Number(/\/(\d+)\/manifest\.json$/.exec(key)?.[1] ?? -1));
  const newest = epochs.reduce((a, b) => Math.max(a, b), -1);
  return newest < 0 ? undefined : newest;
}

/** The epoch that a run can go on from, and what was found damaged. */
export interface Recovery {
  /** The epoch to go on from; undefined when nothing was ever committed. */
  readonly manifest: Manifest | undefined;
  /** What was wrong, newest first; older epochs without their pruned weights are in it too. */
  readonly damage: readonly Damage[];
}

/**
 * Makes the head name an intact epoch.
 * - An intact head moves forward over a manifest that was written just before its writer died.
 * - From a damaged epoch the head moves back to the newest intact one; the manifests above it are set aside, so that those
 *   epochs are trained again.
 * - A head that is damaged or gone is made anew, from the newest intact manifest.
 *
 * Begins anew when another writer commits meanwhile: what that one prunes is no damage.
 * @throws RunError when no intact epoch is left.
 */
export async function recover(store: ArtifactStore, run: string): Promise<Recovery> {
  for (;;) {
    const head = await store.get(runKeys.head(run));
    try {
      return await recoverFrom(store, run, head);
    } catch (error) {
      if ((await store.get(runKeys.head(run)))?.etag === head?.etag) throw error;
    }
  }
}

/** Recovers a run whose head is this object. */
async function recoverFrom(store: ArtifactStore, run: string, object: StoredObject | undefined): Promise<Recovery> {
  const headKey = runKeys.head(run);
  const head = object && decoded(() => decodeHead(run, object));
  const newest = head?.epoch ?? (await newestEpoch(store, run));
  const neverCommitted = !object && !newest;
  const damage: Damage[] = [];
  if (!head && !neverCommitted) {
    damage.push({ epoch: newest ?? 0, key: headKey, what: object ? 'is damaged' : 'is missing' });
  }
  const settleOn = async (found: StoredManifest) => {
    if (await moveHead(store, run, object?.etag, found)) return;
    throw new RunError('another process moved the run while it was being repaired', {
      where: `${store.label}/${run}`,
      remedy: 'Let the other process finish, or resume when it has stopped.',
    });
  };
  for (let epoch = newest ?? -1; epoch >= 0; epoch--) {
    const found = await inspect(store, run, epoch);
    if ('what' in found) {
      damage.push(found);
      continue;
    }
    if (found.digest === head?.manifest) {
      const next = await inspect(store, run, epoch + 1);
      if (!('manifest' in next) || next.manifest.previous !== found.digest) return { manifest: found.manifest, damage };
      await settleOn(next);
      return { manifest: next.manifest, damage };
    }
    if (head?.epoch === epoch) damage.push({ epoch, key: headKey, what: 'names another manifest' });
    await settleOn(found);
    for (let above = newest!; above > epoch; above--) await setAside(store, run, above);
    return { manifest: found.manifest, damage };
  }
  const [first] = damage;
  if (!first || neverCommitted) return { manifest: undefined, damage: [] };
  throw new RunError(`${first.what}, and no older epoch is intact`, {
    where: `${store.label}/${first.key}`,
    remedy: 'Restore the run folder from a copy, or start a new run.',
  });
}

async function setAside(store: ArtifactStore, run: string, epoch: number): Promise<void> {
  const key = runKeys.manifest(run, epoch);
  const object = await store.get(key);
  if (!object) return;
  await store.put(runKeys.damagedManifest(run, epoch, sha256(object.bytes).slice(0, 12)), object.bytes);
  await store.delete(key);
}
