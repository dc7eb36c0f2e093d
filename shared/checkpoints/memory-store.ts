import { bufferSource } from '../tensors/byte-source.ts';
import { type ArtifactStore, checkKey, checkPrefix, type StoredObject, sha256 } from './artifact-store.ts';

/** A store that lives as long as the process: for tests and dry runs. */
export function memoryStore(): ArtifactStore {
  const objects = new Map<string, StoredObject>();
  const find = (key: string) => {
    checkKey(key);
    return objects.get(key);
  };
  const write = (key: string, bytes: Uint8Array) => {
    const etag = sha256(bytes);
    objects.set(key, { bytes: new Uint8Array(bytes), etag });
    return etag;
  };
  return {
    label: 'memory',
    async get(key) {
      const object = find(key);
      return object && { bytes: object.bytes.slice(), etag: object.etag };
    },
    async open(key) {
      const object = find(key);
      return object && bufferSource(key, object.bytes.slice());
    },
    async put(key, bytes) {
      checkKey(key);
      return write(key, bytes);
    },
    putIfAbsent: async (key, bytes) => (find(key) ? undefined : write(key, bytes)),
    putIfMatch: async (key, bytes, etag) => (find(key)?.etag === etag ? write(key, bytes) : undefined),
    async list(prefix) {
      checkPrefix(prefix);
      return [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    },
    async delete(key) {
      checkKey(key);
      objects.delete(key);
    },
  };
}
