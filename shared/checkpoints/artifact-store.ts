import { createHash } from 'node:crypto';
import type { ByteSource } from '../tensors/byte-source.ts';

/** An object's bytes and the tag of this version of them. */
export interface StoredObject {
  readonly bytes: Uint8Array;
  /** Changes whenever the bytes change. */
  readonly etag: string;
}

/**
 * Where a run's artifacts live: a folder, a bucket, memory. Keys are `/`-separated names without `.` or `..` parts; no key
 * is also the folder of another. Every write is atomic: a reader sees the old bytes or the new ones, never a mixture, and
 * a writer that dies leaves the old. Writers that race for a key all use `putIfAbsent` or `putIfMatch`.
 */
export interface ArtifactStore {
  /** For messages, e.g. the folder. */
  readonly label: string;
  get(key: string): Promise<StoredObject | undefined>;
  /** The object for ranged reads; undefined when there is none. A read fails rather than mix two versions of it. */
  open(key: string): Promise<ByteSource | undefined>;
  /** Writes unconditionally; returns the new tag. */
  put(key: string, bytes: Uint8Array): Promise<string>;
  /** Creates; returns undefined and writes nothing when the key exists. */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<string | undefined>;
  /** Replaces the version with this tag; returns undefined and writes nothing when the object is another one or gone. */
  putIfMatch(key: string, bytes: Uint8Array, etag: string): Promise<string | undefined>;
  /** Keys that begin with `prefix`, sorted. */
  list(prefix: string): Promise<string[]>;
  /** No error when there is no such key. */
  delete(key: string): Promise<void>;
  /** Absent: `put` is all there is. */
  readonly deferred?: DeferredWrites;
  /** Reads an object to its end without keeping it; undefined when there is none. Absent: whoever asks reads it. */
  content?(key: string): Promise<WrittenObject | undefined>;
}

/** Writes of large files that nothing relies on until a commit names them: their way to the disk goes on beside other work. */
export interface DeferredWrites {
  /**
   * Writes parts one behind the other. When it returns, the parts are not needed any more and the object can be read, but a failure of power may
   * damage it until `settle` has returned.
   */
  put(key: string, parts: Iterable<Uint8Array>): Promise<WrittenObject>;
  /** Waits until what was put outlives a failure of power. @throws what went wrong with one of them, until its key is put anew */
  settle(): Promise<void>;
}

/** The size of a stored object and the SHA-256 of its content. */
export interface WrittenObject {
  readonly bytes: number;
  readonly sha256: string;
}

/** @throws RangeError for an empty key, one with empty, `.` or `..` parts, or one with a backslash or NUL. */
export function checkKey(key: string): void {
  const wrong = key.split('/').some((part) => part === '' || part === '.' || part === '..');
  if (wrong || key.includes('\\') || key.includes('\0'))
    throw new RangeError(`not an artifact key: ${JSON.stringify(key)}`);
}

/** @throws RangeError for a prefix that no key can begin with. */
export function checkPrefix(prefix: string): void {
  const folder = prefix.slice(0, Math.max(0, prefix.lastIndexOf('/')));
  if (folder !== '' || prefix.startsWith('/')) checkKey(folder);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
