import { expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { commit } from '../../shared/checkpoints/commit.ts';
import { readHead, writeArtifact, writeParts } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { describeCommitProtocol } from '../conformance/commit-protocol.ts';

describeCommitProtocol('memoryStore', async () => memoryStore());

it('compares a large file piece by piece, to its last byte', async () => {
  const at = { run: 'runs/large', epoch: 0, attempt: 'a' };
  const key = runKeys.artifact(at.run, at.epoch, at.attempt, 'model.safetensors');
  const store = memoryStore();
  const inPieces: ArtifactStore = {
    ...store,
    get: (wanted) => (wanted === key ? Promise.reject(new Error('read as a whole')) : store.get(wanted)),
  };
  const bytes = new Uint8Array(65 * 2 ** 20);
  const attempt = { ...at, files: await writeArtifact(inPieces, at, 'model.safetensors', bytes) };
  bytes[bytes.length - 1] = 1;
  await store.put(key, bytes);
  await expect(commit(inPieces, attempt, new Date(0))).rejects.toThrow('does not have the content that was written');
  bytes[bytes.length - 1] = 0;
  await store.put(key, bytes);
  expect(await commit(inPieces, attempt, new Date(0))).toMatchObject({ epoch: 0, attempt: 'a' });
});

it('names a deferred file once it is settled, and none that does not get to the disk', async () => {
  const at = { run: 'runs/deferred', epoch: 0, attempt: 'a' };
  const store = memoryStore();
  let settling = Promise.withResolvers<void>();
  const deferring: ArtifactStore = {
    ...store,
    deferred: {
      async put(key, parts) {
        const [bytes] = parts;
        return { bytes: bytes!.length, sha256: await store.put(key, bytes!) };
      },
      settle: () => settling.promise,
    },
  };
  const content = { size: 3, parts: [Uint8Array.of(1, 2, 3)] };
  const attempt = { ...at, files: await writeParts(deferring, at, 'model.safetensors', content) };
  const failed = commit(deferring, attempt, new Date(0));
  settling.reject(new Error('the disk did not answer'));
  await expect(failed).rejects.toThrow('the disk did not answer');
  expect(await store.list(at.run)).toEqual([runKeys.artifact(at.run, 0, 'a', 'model.safetensors')]);
  settling = Promise.withResolvers();
  const committed = commit(deferring, attempt, new Date(0));
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(await readHead(store, at.run)).toBeUndefined();
  settling.resolve();
  expect(await committed).toMatchObject({ epoch: 0, attempt: 'a' });
});
