import type { ByteSource } from '../tensors/byte-source.ts';
import type { ArtifactStore } from './artifact-store.ts';

/** Requests to a store, as a bucket bills them: writing and listing dear, reading cheap, deleting free. */
export interface Requests {
  readonly writes: number;
  readonly reads: number;
}

/** A store whose requests are counted; `take` gives those since it was called last. Parts of large files count once. */
export function countedStore(store: ArtifactStore): { store: ArtifactStore; take(): Requests } {
  let writes = 0;
  let reads = 0;
  const written = <Result>(result: Promise<Result>): Promise<Result> => {
    writes += 1;
    return result;
  };
  const read = <Result>(result: Promise<Result>): Promise<Result> => {
    reads += 1;
    return result;
  };
  const countedSource = (source: ByteSource): ByteSource => ({
    ...source,
    read: (start, end) => read(source.read(start, end)),
  });
  return {
    take() {
      const taken = { writes, reads };
      writes = 0;
      reads = 0;
      return taken;
    },
    store: {
      label: store.label,
      get: (key) => read(store.get(key)),
      async open(key) {
        const source = await read(store.open(key));
        return source && countedSource(source);
      },
      put: (key, bytes) => written(store.put(key, bytes)),
      putIfAbsent: (key, bytes) => written(store.putIfAbsent(key, bytes)),
      putIfMatch: (key, bytes, etag) => written(store.putIfMatch(key, bytes, etag)),
      list: (prefix) => written(store.list(prefix)),
      delete: (key) => store.delete(key),
    },
  };
}
