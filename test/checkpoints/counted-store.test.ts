import { expect, it } from 'vitest';
import { countedStore } from '../../shared/checkpoints/counted-store.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { describeArtifactStore } from '../conformance/artifact-store.ts';

describeArtifactStore('countedStore', async () => countedStore(memoryStore()).store);

it('counts what a bucket bills: writing and listing, and reading, ranges too; not deleting', async () => {
  const { store, take } = countedStore(memoryStore());
  const bytes = new Uint8Array(8);
  const etag = await store.put('a', bytes);
  await store.putIfAbsent('a', bytes);
  await store.putIfMatch('a', bytes, etag);
  await store.list('');
  await store.get('a');
  const source = await store.open('a');
  await source!.read(0, 2);
  await source!.read(2, 4);
  await store.delete('a');
  expect(take()).toEqual({ writes: 4, reads: 4 });
  expect(take()).toEqual({ writes: 0, reads: 0 });
});
