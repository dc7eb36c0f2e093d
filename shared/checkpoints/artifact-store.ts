import { createHash } from 'node:crypto';
import type { ByteSource } from '../tensors/byte-source.ts';

/** An object's bytes and the tag of this version of them. */
export interface StoredObject {
  readonly bytes: Uint8Array;
  /** Changes whenever the bytes change. */
  readonly etag: string;
}

/**
 * Where a run's artifacts live: a folder, a bucket, memory. Keys are `/`-separated names without `.` or `..` parts.
 * Every write is atomic: a reader sees the old bytes or the new ones, never a mixture, and a writer that dies leaves the old.
 */
export interface ArtifactStore {
  /** For messages, e.g. the folder. */
  readonly label: string;
  get(key: string): Promise<StoredObject | undefined>;
  /** The object for ranged reads; undefined when there is none. */
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
}

/** @throws RangeError for an empty key, one with empty, `.` or `..` parts, or one with a backslash or NUL. */
export function checkKey(key: string): void {
  const wrong = key.split('/').some((part) => part === '' || part === '.' || part === '..');
  if (wrong || key.includes('\\') || key.includes('\0'))
    throw new RangeError(`not an artifact key: ${JSON.stringify(key)}`);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
