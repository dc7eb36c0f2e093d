import { createHash } from 'node:crypto';
import { z } from 'zod';
import { RunError } from '../core/errors.ts';
import type { ByteSource } from '../tensors/byte-source.ts';
import { type FileParts, joinedParts } from '../tensors/file-parts.ts';
import { type ArtifactStore, type StoredObject, sha256 } from './artifact-store.ts';
import { decodeJson, encodeJson } from './json.ts';
import { runKeys } from './run-keys.ts';

const fileRecordSchema = z.object({ bytes: z.int().nonnegative(), sha256: z.string().length(64) });
export const fileRecordsSchema = z.record(z.string(), fileRecordSchema);
export type FileRecords = z.infer<typeof fileRecordsSchema>;

/** The content of `manifest.json`; it holds no key prefix, so that a run can be moved or renamed. */
const manifestSchema = z.strictObject({
  version: z.literal(1),
  /** 0 is the model before training. */
  epoch: z.int().nonnegative(),
  attempt: z.string(),
  /** SHA-256 of the manifest of the epoch before; null for epoch 0. */
  previous: z.string().nullable(),
  files: fileRecordsSchema,
  committedAt: z.iso.datetime(),
});

/** What makes an epoch committed: the files of one attempt and their digests. Written last, by Checkpoint alone. */
export interface Manifest extends Readonly<z.infer<typeof manifestSchema>> {
  readonly run: string;
}

/** @throws RunError when the bytes are not the manifest of this epoch. */
export function decodeManifest(run: string, epoch: number, bytes: Uint8Array): Manifest {
  const key = runKeys.manifest(run, epoch);
  const manifest = decodeJson(key, bytes, manifestSchema);
  if (manifest.epoch !== epoch) throw new RunError(`is the manifest of epoch ${manifest.epoch}`, { where: key });
  return { run, ...manifest };
}

export function encodeManifest({ run: _, ...content }: Manifest): Uint8Array {
  return encodeJson(content);
}

const headSchema = z.strictObject({ epoch: z.int().nonnegative(), manifest: z.string() });

/** The last committed epoch, and the tag to replace it by. */
export interface Head {
  readonly epoch: number;
  /** SHA-256 of the epoch's manifest. */
  readonly manifest: string;
  readonly etag: string;
}

/** @throws RunError when it is damaged. */
export function decodeHead(run: string, { bytes, etag }: StoredObject): Head {
  return { ...decodeJson(runKeys.head(run), bytes, headSchema), etag };
}

export async function readHead(store: ArtifactStore, run: string): Promise<Head | undefined> {
  const object = await store.get(runKeys.head(run));
  return object && decodeHead(run, object);
}

export async function readManifest(store: ArtifactStore, run: string, epoch: number): Promise<Manifest | undefined> {
  const object = await store.get(runKeys.manifest(run, epoch));
  return object && decodeManifest(run, epoch, object.bytes);
}

/**
 * The manifest of the last committed epoch.
 * @throws RunError when there is none, or when it is not the one the head names.
 */
export async function readHeadManifest(store: ArtifactStore, run: string): Promise<Manifest> {
  const head = await readHead(store, run);
  if (!head) throw new RunError('nothing has been committed yet', { where: `${store.label}/${run}` });
  const key = runKeys.manifest(run, head.epoch);
  const object = await store.get(key);
  if (!object || sha256(object.bytes) !== head.manifest) {
    throw new RunError(object ? 'is not the manifest that was committed' : 'is missing', {
      where: `${store.label}/${key}`,
      remedy: 'Resume the run: it falls back to the last intact epoch.',
    });
  }
  return decodeManifest(run, head.epoch, object.bytes);
}

/** Writes a file of an attempt; nothing reads it until a manifest, or the task's own message, names it. */
export async function writeArtifact(
  store: ArtifactStore,
  at: { run: string; epoch: number; attempt: string },
  file: string,
  bytes: Uint8Array,
): Promise<FileRecords> {
  await store.put(runKeys.artifact(at.run, at.epoch, at.attempt, file), bytes);
  return { [file]: { bytes: bytes.byteLength, sha256: sha256(bytes) } };
}

/** Writes a large file of an attempt part by part; where the store can defer that, it is on the disk by the commit. */
export async function writeParts(
  store: ArtifactStore,
  at: { run: string; epoch: number; attempt: string },
  file: string,
  { size, parts }: FileParts,
): Promise<FileRecords> {
  if (!store.deferred) return writeArtifact(store, at, file, joinedParts({ size, parts }));
  return { [file]: await store.deferred.put(runKeys.artifact(at.run, at.epoch, at.attempt, file), parts) };
}

/** Bytes that are read at once: fewer requests where small tensors follow each other. */
const bytesAhead = 16 * 2 ** 20;

/** A larger file is compared piece by piece: a model and its moments need not fit into memory for that. */
const pieceBytes = 64 * 2 ** 20;

/** A smaller file may as well be read at once. */
const fewBytes = 2 ** 18;

/** Two such pieces are in memory. */
const hashedBytes = pieceBytes / 2;

async function digestOf(source: ByteSource): Promise<string> {
  const hash = createHash('sha256');
  const read = (start: number) =>
    start < source.size ? source.read(start, Math.min(source.size, start + hashedBytes)) : undefined;
  let next = read(0);
  for (let start = hashedBytes; next; start += hashedBytes) {
    const piece = await next;
    // The next piece is read while this one is hashed.
    next = read(start);
    hash.update(piece);
  }
  return hash.digest('hex');
}

/** Size and digest of a file; undefined when there is none. */
async function contentOf(
  store: ArtifactStore,
  key: string,
  expected: number,
): Promise<FileRecords[string] | undefined> {
  if (expected > fewBytes && store.content) return store.content(key);
  if (expected > pieceBytes) {
    const source = await store.open(key);
    return source && { bytes: source.size, sha256: await digestOf(source) };
  }
  const object = await store.get(key);
  return object && { bytes: object.bytes.byteLength, sha256: sha256(object.bytes) };
}

/** What is wrong with a file that a manifest names; undefined when it is intact. */
export async function damageOf(
  store: ArtifactStore,
  at: Pick<Manifest, 'run' | 'epoch' | 'attempt' | 'files'>,
  file: string,
): Promise<string | undefined> {
  const record = at.files[file]!;
  const found = await contentOf(store, runKeys.artifact(at.run, at.epoch, at.attempt, file), record.bytes);
  if (!found) return 'is missing';
  if (found.bytes !== record.bytes) return `has ${found.bytes} bytes instead of ${record.bytes}`;
  return found.sha256 === record.sha256 ? undefined : 'does not have the content that was written';
}

/**
 * A file of a committed epoch, checked against its digest; undefined when the manifest has no such file.
 * @throws RunError naming the file when it is missing or damaged.
 */
export async function readArtifact(
  store: ArtifactStore,
  manifest: Manifest,
  file: string,
): Promise<Uint8Array | undefined> {
  const record = manifest.files[file];
  if (!record) return undefined;
  const key = runKeys.artifact(manifest.run, manifest.epoch, manifest.attempt, file);
  const object = await store.get(key);
  if (object && sha256(object.bytes) === record.sha256) return object.bytes;
  throw new RunError(object ? 'does not have the content that was written' : 'is missing', {
    where: `${store.label}/${key}`,
    remedy: 'Resume the run: it falls back to the last intact epoch.',
  });
}

/** A file of a committed epoch that is read piece by piece. */
export interface CheckedSource {
  readonly source: ByteSource;
  /** After reading. @throws RunError naming the file when it does not have the content that was committed. */
  check(): Promise<void>;
}

/**
 * A file of a committed epoch for reading from its first byte to its last, without all of it in memory; its digest is computed on the way. Undefined when the
 * manifest has no such file.
 * @throws RunError naming the file when it is missing.
 */
export async function openArtifact(
  store: ArtifactStore,
  manifest: Manifest,
  file: string,
): Promise<CheckedSource | undefined> {
  const record = manifest.files[file];
  if (!record) return undefined;
  const key = runKeys.artifact(manifest.run, manifest.epoch, manifest.attempt, file);
  const remedy = 'Resume the run: it falls back to the last intact epoch.';
  const where = `${store.label}/${key}`;
  const opened = await store.open(key);
  if (!opened) throw new RunError('is missing', { where, remedy });
  const hash = createHash('sha256');
  let [hashed, from] = [0, 0];
  let window: Uint8Array = new Uint8Array();
  const source: ByteSource = {
    label: opened.label,
    size: opened.size,
    async read(start, end) {
      if (start < from || end > from + window.length) {
        window = await opened.read(start, Math.min(opened.size, Math.max(end, start + bytesAhead)));
        from = start;
        const next = from + window.length;
        if (hashed >= from && hashed < next) {
          hash.update(window.subarray(hashed - from));
          hashed = next;
        }
      }
      return window.subarray(start - from, end - from);
    },
  };
  return {
    source,
    async check() {
      const digest = hashed === opened.size ? hash.digest('hex') : await digestOf(opened);
      if (opened.size === record.bytes && digest === record.sha256) return;
      throw new RunError('does not have the content that was written', { where, remedy });
    },
  };
}
