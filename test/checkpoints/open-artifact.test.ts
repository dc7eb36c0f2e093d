import { describe, expect, it } from 'vitest';
import { type Manifest, openArtifact, writeArtifact } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';

const at = { run: 'run', epoch: 1, attempt: 'a' };
const file = 'model.safetensors';
const bytes = Uint8Array.from({ length: 100 }, (_, index) => index);

async function committed() {
  const store = memoryStore();
  const files = await writeArtifact(store, at, file, bytes);
  const manifest: Manifest = { ...at, version: 1, previous: null, files, committedAt: '2026-01-01T00:00:00.000Z' };
  return { store, manifest, key: runKeys.artifact(at.run, at.epoch, at.attempt, file) };
}

describe('a committed file that is read piece by piece', () => {
  it.each([
    ['in order', [0, 8, 50, 100]],
    ['in part', [0, 8]],
  ] as const)('has its bytes, and is checked, where it is read %s', async (_, places) => {
    const { store, manifest } = await committed();
    const { source, check } = (await openArtifact(store, manifest, file))!;
    for (const [index, start] of places.slice(0, -1).entries()) {
      const end = places[index + 1]!;
      expect(await source.read(start, end)).toEqual(bytes.subarray(start, end));
    }
    await expect(check()).resolves.toBeUndefined();
  });

  it.each([
    ['has other content', bytes.map((value) => value ^ 1)],
    ['is shorter', bytes.slice(0, 99)],
  ])('is refused by name when it %s', async (_, damaged) => {
    const { store, manifest, key } = await committed();
    await store.put(key, damaged);
    const { source, check } = (await openArtifact(store, manifest, file))!;
    await source.read(0, source.size);
    await expect(check()).rejects.toThrow(/model\.safetensors.*does not have the content/s);
  });

  it('is refused when it is missing, and absent where the epoch has none', async () => {
    const { store, manifest, key } = await committed();
    await store.delete(key);
    await expect(openArtifact(store, manifest, file)).rejects.toThrow(/is missing/);
    expect(await openArtifact(store, manifest, 'other')).toBeUndefined();
  });
});
