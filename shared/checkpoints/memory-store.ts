import { bufferSource } from '../tensors/byte-source.ts';
import { type ArtifactStore, checkKey, sha256 } from './artifact-store.ts';

/** A store that lives as long as the process: for tests and dry runs. */
export function memoryStore(): ArtifactStore {
  const objects = new Map<string, { bytes: Uint8Array; etag: string }>();
  const write = (key: string, bytes: Uint8Array) => {
    checkKey(key);
    const etag = sha256(bytes);
    objects.set(key, { bytes: bytes.slice(), etag });
    return etag;
  };
  return {
    label: 'memory',
    async get(key) {
      const object = objects.get(key);
      return object && { bytes: object.bytes.slice(), etag: object.etag };
    },
    async open(key) {
      const object = objects.get(key);
      return object && bufferSource(key, object.bytes.slice());
    },
    put: async (key, bytes) => write(key, bytes),
    putIfAbsent: async (key, bytes) => (objects.has(key) ? undefined : write(key, bytes)),
    putIfMatch: async (key, bytes, etag) => (objects.get(key)?.etag === etag ? write(key, bytes) : undefined),
    list: async (prefix) => [...objects.keys()].filter((key) => key.startsWith(prefix)).sort(),
    async delete(key) {
      objects.delete(key);
    },
  };
}
