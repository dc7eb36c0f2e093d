import { RunError } from '../core/errors.ts';
import { type ArtifactStore, sha256 } from './artifact-store.ts';
import { encodeJson } from './json.ts';
import {
  damageOf,
  type FileRecords,
  type Head,
  type Manifest,
  manifestSchema,
  readHead,
  readHeadManifest,
  readManifest,
} from './manifest.ts';
import { runKeys } from './run-keys.ts';

/** An attempt at an epoch, all of its files written. */
export interface Attempt {
  readonly run: string;
  readonly epoch: number;
  readonly attempt: string;
  readonly files: FileRecords;
}

async function refuseDamage(store: ArtifactStore, attempt: Attempt): Promise<void> {
  for (const file of Object.keys(attempt.files)) {
    const damage = await damageOf(store, attempt, file);
    if (damage) {
      throw new RunError(damage, {
        where: `${store.label}/${runKeys.artifact(attempt.run, attempt.epoch, attempt.attempt, file)}`,
        remedy: 'It was not committed. Resume the run to train this epoch again.',
      });
    }
  }
}

async function isIntact(store: ArtifactStore, manifest: Manifest): Promise<boolean> {
  for (const file of Object.keys(manifest.files)) if (await damageOf(store, manifest, file)) return false;
  return true;
}

/** The manifest that stands for the epoch: ours, or an intact one that a writer left before it died. */
async function placeManifest(store: ArtifactStore, ours: Manifest): Promise<Manifest> {
  const key = runKeys.manifest(ours.run, ours.epoch);
  if (await store.putIfAbsent(key, encodeJson(ours))) return ours;
  const theirs = await readManifest(store, ours.run, ours.epoch).catch(() => undefined);
  if (theirs && theirs.previous === ours.previous && (await isIntact(store, theirs))) return theirs;
  await store.put(key, encodeJson(ours));
  return ours;
}

function moveHead(store: ArtifactStore, run: string, from: Head | undefined, epoch: number, manifestDigest: string) {
  const bytes = encodeJson({ epoch, manifest: manifestDigest });
  return from ? store.putIfMatch(runKeys.head(run), bytes, from.etag) : store.putIfAbsent(runKeys.head(run), bytes);
}

/**
 * Commits an attempt: verifies its files, writes the manifest, then moves the head from the epoch before by
 * compare-and-swap. Safe to repeat: an epoch that is already the head is answered with its manifest.
 * @throws RunError when the head is elsewhere (another writer), or a file is not what was written.
 */
export async function commit(store: ArtifactStore, attempt: Attempt, committedAt: Date): Promise<Manifest> {
  const { run, epoch } = attempt;
  const head = await readHead(store, run);
  if (head?.epoch === epoch) return readHeadManifest(store, run);
  if ((head?.epoch ?? -1) !== epoch - 1) {
    throw new RunError(
      `epoch ${epoch} can't follow epoch ${head?.epoch ?? 'none'}: another process has moved the run`,
      {
        where: `${store.label}/${run}`,
        remedy: 'Let the other process finish, or resume when it has stopped.',
      },
    );
  }
  await refuseDamage(store, attempt);
  const { files } = attempt;
  const previous = head?.manifest ?? null;
  const manifest = await placeManifest(
    store,
    manifestSchema.parse({
      version: 1,
      run,
      epoch,
      attempt: attempt.attempt,
      previous,
      files,
      committedAt: committedAt.toISOString(),
    }),
  );
  const digest = sha256(encodeJson(manifest));
  if (await moveHead(store, run, head, epoch, digest)) return manifest;
  const winner = await readHead(store, run);
  if (winner?.epoch === epoch && winner.manifest === digest) return manifest;
  throw new RunError(`another process committed epoch ${winner?.epoch ?? epoch} first`, {
    where: `${store.label}/${run}`,
    remedy: 'Nothing is lost: that process goes on with the run.',
  });
}

/** What was wrong with a committed epoch. */
export interface Damage {
  readonly epoch: number;
  readonly key: string;
  readonly what: string;
}

async function inspect(store: ArtifactStore, run: string, epoch: number): Promise<Manifest | Damage> {
  const key = runKeys.manifest(run, epoch);
  let manifest: Manifest | undefined;
  try {
    manifest = await readManifest(store, run, epoch);
  } catch {
    return { epoch, key, what: 'is damaged' };
  }
  if (!manifest) return { epoch, key, what: 'is missing' };
  for (const file of Object.keys(manifest.files)) {
    const what = await damageOf(store, manifest, file);
    if (what) return { epoch, key: runKeys.artifact(run, epoch, manifest.attempt, file), what };
  }
  return manifest;
}

/**
 * Checks the last committed epoch, and falls back to the newest one whose files are all intact: the head is moved
 * there and the manifests above it are set aside, so that those epochs are trained again.
 * @returns the epoch to go on from (undefined when nothing was ever committed) and what was wrong.
 * @throws RunError when no intact epoch is left.
 */
export async function recover(
  store: ArtifactStore,
  run: string,
): Promise<{ manifest: Manifest | undefined; damage: Damage[] }> {
  const head = await readHead(store, run);
  if (!head) return { manifest: undefined, damage: [] };
  const damage: Damage[] = [];
  for (let epoch = head.epoch; epoch >= 0; epoch--) {
    const found = await inspect(store, run, epoch);
    if ('what' in found) {
      damage.push(found);
      continue;
    }
    const digest = sha256(encodeJson(found));
    if (epoch === head.epoch && digest === head.manifest) return { manifest: found, damage };
    if (!(await moveHead(store, run, head, epoch, digest))) {
      throw new RunError('another process moved the run while it was being repaired', {
        where: `${store.label}/${run}`,
      });
    }
    for (let above = head.epoch; above > epoch; above--) await setAside(store, run, above);
    return { manifest: found, damage };
  }
  const [first] = damage;
  throw new RunError(`${first!.what}, and no older epoch is intact`, {
    where: `${store.label}/${first!.key}`,
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
