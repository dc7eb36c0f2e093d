import { expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { commit } from '../../shared/checkpoints/commit.ts';
import { writeArtifact } from '../../shared/checkpoints/manifest.ts';
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
