import { expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { commit } from '../../shared/checkpoints/commit.ts';
import { copyRun } from '../../shared/checkpoints/copy-run.ts';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { readHead, readHeadManifest, writeArtifact } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';

const text = (content: string) => new TextEncoder().encode(content);

async function commitEpoch(store: ArtifactStore, run: string, epoch: number, content: string) {
  const at = { run, epoch, attempt: 'a' };
  const files = await writeArtifact(store, at, 'model.safetensors', text(content));
  await commit(store, { ...at, files }, new Date(0));
}

/** A run with epochs of these contents. */
async function runWith(contents: readonly string[]): Promise<ArtifactStore> {
  const store = memoryStore();
  await store.put(runKeys.request('runs/r'), encodeJson({ here: true }));
  for (const [epoch, content] of contents.entries()) await commitEpoch(store, 'runs/r', epoch, content);
  return store;
}

it('copies what is committed under another prefix, and neither locks, inputs nor what is under way', async () => {
  const from = await runWith(['zero', 'one']);
  await from.put(runKeys.artifact('runs/r', 2, 'b', 'model.safetensors'), text('half done'));
  for (const file of ['lock.json', 'inputs/data.hdf5', 'results/0002-x-0.json']) {
    await from.put(`runs/r/${file}`, text('of this place'));
  }
  const to = memoryStore();
  await copyRun({ store: from, run: 'runs/r' }, { store: to, run: 'r' }, { 'request.json': text('other') });
  expect(await to.list('')).toEqual([
    'r/epochs/0000/a/model.safetensors',
    'r/epochs/0000/manifest.json',
    'r/epochs/0001/a/model.safetensors',
    'r/epochs/0001/manifest.json',
    'r/head.json',
    'r/request.json',
  ]);
  expect((await readHeadManifest(to, 'r')).epoch).toBe(1);
  expect((await to.get('r/request.json'))?.bytes).toEqual(text('other'));
});

it('brings a copy up to date, and takes away an outcome that no longer holds', async () => {
  const from = await runWith(['zero']);
  const to = memoryStore();
  const places = [
    { store: from, run: 'runs/r' },
    { store: to, run: 'r' },
  ] as const;
  await copyRun(...places);
  await to.put(runKeys.outcome('r'), text('{}'));
  await commitEpoch(from, 'runs/r', 1, 'one');
  await copyRun(...places);
  expect((await readHead(to, 'r'))?.epoch).toBe(1);
  expect(await to.get(runKeys.outcome('r'))).toBeUndefined();
});

it('overwrites neither another run nor one that is farther', async () => {
  const from = await runWith(['zero', 'one']);
  const farther = memoryStore();
  await copyRun({ store: from, run: 'runs/r' }, { store: farther, run: 'r' });
  await commitEpoch(farther, 'r', 2, 'two');
  const another = await runWith(['zero', 'uno']);
  for (const [store, run] of [
    [farther, 'r'],
    [another, 'runs/r'],
  ] as const) {
    const before = (await readHead(store, run))!;
    await expect(copyRun({ store: from, run: 'runs/r' }, { store, run })).rejects.toThrow(
      `there is a run of this name with an epoch ${before.epoch} that this one does not have`,
    );
    expect(await readHead(store, run)).toEqual(before);
  }
});

it('writes what is named before what names it, the head last', async () => {
  const from = await runWith(['zero', 'one']);
  const to = memoryStore();
  const order: string[] = [];
  const put = (key: string, bytes: Uint8Array) => {
    order.push(key);
    return to.put(key, bytes);
  };
  await copyRun({ store: from, run: 'runs/r' }, { store: { ...to, put }, run: 'r' });
  expect(order.at(-1)).toBe('r/head.json');
  const rank = (name: string) => order.findIndex((key) => key.endsWith(name));
  expect(rank('0001/manifest.json')).toBeGreaterThan(rank('0001/a/model.safetensors'));
});
