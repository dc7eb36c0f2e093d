import { describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { type BufferedOptions, type BufferedStore, bufferedStore } from '../../shared/checkpoints/buffered-store.ts';
import { fileStore } from '../../shared/checkpoints/file-store.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { RunError } from '../../shared/core/errors.ts';
import { describeArtifactStore } from '../conformance/artifact-store.ts';
import { describeCommitProtocol } from '../conformance/commit-protocol.ts';
import { temporaryFolder } from '../support/small-run.ts';

/** A buffered store that is flushed now and then by itself, so that what waits and what is written are mixed. */
const oftenFlushed = (store: ArtifactStore) => bufferedStore(store, 'run', { mostBytes: 6 });

describeArtifactStore('bufferedStore', async () => bufferedStore(memoryStore(), 'run'));
describeArtifactStore('bufferedStore that is flushed in between', async () => oftenFlushed(memoryStore()));
describeArtifactStore('bufferedStore over a folder', async () => oftenFlushed(fileStore(await temporaryFolder())));
describeCommitProtocol('bufferedStore', async () => bufferedStore(memoryStore(), 'runs/burgers'));

const bytesOf = (text: string) => new TextEncoder().encode(text);
const headKey = 'run/head.json';

/** A store in memory that notes what is written to it, and a buffered one over it whose clock is set by hand. */
async function noted(options: BufferedOptions = {}) {
  const beneath = memoryStore();
  const written: string[] = [];
  const note = (key: string) => void written.push(key);
  const noting: ArtifactStore = {
    ...beneath,
    put(key, bytes) {
      note(key);
      return beneath.put(key, bytes);
    },
    putIfAbsent(key, bytes) {
      note(key);
      return beneath.putIfAbsent(key, bytes);
    },
    putIfMatch(key, bytes, etag) {
      note(key);
      return beneath.putIfMatch(key, bytes, etag);
    },
    delete(key) {
      note(`-${key}`);
      return beneath.delete(key);
    },
  };
  const clock = { ms: 0 };
  const store = bufferedStore(noting, 'run', { now: () => clock.ms, ...options });
  return { beneath, written, clock, store };
}

/** Commits epoch 0, which is written at once. */
async function begin(store: BufferedStore, written: string[]): Promise<string> {
  const tag = await store.putIfAbsent(headKey, bytesOf('0'));
  written.length = 0;
  return tag!;
}

describe('what waits in a buffered store', () => {
  it('is read back, and is not yet written', async () => {
    const { store, written } = await noted();
    await store.put('run/a', bytesOf('a'));
    expect(new TextDecoder().decode((await store.get('run/a'))!.bytes)).toBe('a');
    expect(written).toEqual([]);
  });

  it('is written once: the last content of a key, and nothing of what has gone again', async () => {
    const { beneath, store, written } = await noted();
    for (const text of ['one', 'two', 'three']) await store.put('run/a', bytesOf(text));
    await store.putIfAbsent('run/b', bytesOf('b'));
    await store.delete('run/b');
    await store.flush();
    expect(written).toEqual(['run/a']);
    expect(new TextDecoder().decode((await beneath.get('run/a'))!.bytes)).toBe('three');
    await store.flush();
    expect(written).toEqual(['run/a']);
  });

  it('is written with the first head at once', async () => {
    const { store, written } = await noted();
    await store.put('run/weights', bytesOf('w'));
    await store.putIfAbsent(headKey, bytesOf('0'));
    expect(written).toEqual(['run/weights', headKey]);
  });

  it('is written files first, then the head, what came after it, and deletions last', async () => {
    const { store, written } = await noted();
    await store.put('run/old', bytesOf('o'));
    const tag = await begin(store, written);
    await store.put('run/new', bytesOf('n'));
    const next = await store.putIfMatch(headKey, bytesOf('1'), tag);
    await store.delete('run/old');
    await store.put('run/newer', bytesOf('n'));
    await store.putIfMatch(headKey, bytesOf('2'), next!);
    await store.put('run/outcome', bytesOf('x'));
    await store.put('run/report', bytesOf('x'));
    expect(written).toEqual([]);
    await store.flush();
    expect(written).toEqual(['run/new', 'run/newer', headKey, 'run/outcome', 'run/report', '-run/old']);
  });

  it('is written by a commit when it has waited for so long, and not before', async () => {
    const { clock, store, written } = await noted({ longestWaitMs: 1000 });
    let tag = await begin(store, written);
    for (const [ms, expected] of [
      [999, []],
      [1000, [headKey]],
      [1999, []],
      [2000, [headKey]],
    ] as const) {
      clock.ms = ms;
      await store.put('run/other', bytesOf(String(ms)));
      expect(written).toEqual([]);
      tag = (await store.putIfMatch(headKey, bytesOf(String(ms)), tag))!;
      expect(written.filter((key) => key === headKey)).toEqual(expected);
      written.length = 0;
    }
  });

  it('is written when it takes more memory than it may', async () => {
    const { store, written } = await noted({ mostBytes: 10 });
    await store.put('run/a', new Uint8Array(6));
    await store.put('run/a', new Uint8Array(7));
    await store.put('run/b', new Uint8Array(3));
    expect(written).toEqual([]);
    await store.put('run/c', new Uint8Array(1));
    expect(written).toEqual(['run/a', 'run/b', 'run/c']);
    await store.put('run/d', new Uint8Array(10));
    expect(written).toHaveLength(3);
  });

  it('does not replace what another process has written meanwhile', async () => {
    const { beneath, store, written } = await noted();
    const tag = await begin(store, written);
    await store.putIfMatch(headKey, bytesOf('1'), tag);
    await beneath.put(headKey, bytesOf('theirs'));
    await expect(store.flush()).rejects.toThrow(RunError);
    await store.putIfAbsent('run/b', bytesOf('b'));
    await beneath.put('run/b', bytesOf('theirs'));
    await expect(store.flush()).rejects.toThrow(/was written by another process/);
    expect(new TextDecoder().decode((await beneath.get(headKey))!.bytes)).toBe('theirs');
    expect(new TextDecoder().decode((await beneath.get('run/b'))!.bytes)).toBe('theirs');
  });

  it('stays after an error and is written the next time', async () => {
    const beneath = memoryStore();
    let broken = true;
    const store = bufferedStore(
      { ...beneath, put: (key, bytes) => (broken ? Promise.reject(new Error('full')) : beneath.put(key, bytes)) },
      'run',
    );
    await store.put('run/a', bytesOf('a'));
    await store.put('run/b', bytesOf('b'));
    await expect(store.flush()).rejects.toThrow('full');
    expect(await store.list('run/')).toEqual(['run/a', 'run/b']);
    broken = false;
    await store.flush();
    expect(await beneath.list('run/')).toEqual(['run/a', 'run/b']);
  });
});
