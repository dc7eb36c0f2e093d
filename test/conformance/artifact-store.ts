/** What every artifact store promises, for each implementation to be held to. */
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type ArtifactStore, sha256 } from '../../shared/checkpoints/artifact-store.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);
const textAt = async (store: ArtifactStore, key: string) => textOf((await store.get(key))?.bytes);

/** `size` bytes that are all `value`, so that a mixture of two versions shows. */
const filled = (value: number, size: number) => new Uint8Array(size).fill(value);

const racers = Array.from({ length: 20 }, (_, index) => index);
const largeSize = 8 * 1024 * 1024;

/** Runs the suite on the stores that `makeStore` makes; each must be empty and live as long as the test. */
export function describeArtifactStore(name: string, makeStore: () => Promise<ArtifactStore>): void {
  describe(`${name} as an artifact store`, () => {
    let store: ArtifactStore;
    beforeEach(async () => {
      store = await makeStore();
    });

    describe('objects', () => {
      it('come back as they were written', async () => {
        await store.put('run/a.json', bytesOf('first'));
        expect(await textAt(store, 'run/a.json')).toBe('first');
        await store.put('run/a.json', bytesOf('second'));
        expect(await textAt(store, 'run/a.json')).toBe('second');
      });

      it('are plain byte arrays of any content, also of none', async () => {
        const every = Uint8Array.from({ length: 256 }, (_, index) => index);
        await store.put('every', every);
        await store.put('none', new Uint8Array(0));
        const read = (await store.get('every'))!.bytes;
        expect(read).toBeInstanceOf(Uint8Array);
        expect([...read]).toEqual([...every]);
        expect((await store.get('none'))!.bytes).toHaveLength(0);
      });

      it('that are not there are undefined', async () => {
        await store.put('run/a', bytesOf('x'));
        expect(await store.get('run/b')).toBeUndefined();
        expect(await store.open('run/b')).toBeUndefined();
        expect(await store.get('run')).toBeUndefined();
        expect(await store.open('run')).toBeUndefined();
        expect(await store.get('run/a/b')).toBeUndefined();
        expect(await store.open('run/a/b')).toBeUndefined();
      });

      it('do not change with the array that they were written from or read into', async () => {
        const written = bytesOf('before');
        await store.put('a', written);
        written.fill(0);
        (await store.get('a'))!.bytes.fill(0);
        expect(await textAt(store, 'a')).toBe('before');
      });

      it('are told by size and digest as they are at the moment, where they can be without being kept', async () => {
        if (!store.content) return;
        const size = 2 ** 20 * 2 + 5;
        for (const bytes of [filled(1, size), filled(2, size), filled(3, 2 ** 20), new Uint8Array(0)]) {
          await store.put('run/a', bytes);
          expect(await store.content('run/a')).toEqual({ bytes: bytes.length, sha256: sha256(bytes) });
        }
        expect(await store.content('run/b')).toBeUndefined();
        expect(await store.content('run')).toBeUndefined();
      });

      it('may be large', async () => {
        const large = Uint8Array.from({ length: largeSize + 3 }, (_, index) => index * 2654435761);
        await store.put('large', large);
        expect(Buffer.compare((await store.get('large'))!.bytes, large)).toBe(0);
      });

      it('may have names in any script', async () => {
        const keys = ['lauf/größe.json', '実行/重み.bin', 'run/😀 with spaces', 'run/a+b%20c&d=e#f?g', 'run/..dots..'];
        for (const key of keys) await store.put(key, bytesOf(key));
        for (const key of keys) expect(await textAt(store, key)).toBe(key);
        expect(new Set(await store.list(''))).toEqual(new Set(keys));
      });
    });

    describe('keys', () => {
      const wrong = ['', '..', '../up', 'a/../b', './a', 'a/.', '/abs', 'a//b', 'a/', 'a\\b', 'a\0b'];
      it.each(wrong)('%j is refused by every operation', async (key) => {
        const operations: (() => Promise<unknown>)[] = [
          () => store.get(key),
          () => store.open(key),
          () => store.put(key, bytesOf('x')),
          () => store.putIfAbsent(key, bytesOf('x')),
          () => store.putIfMatch(key, bytesOf('x'), 'tag'),
          () => store.delete(key),
        ];
        for (const operation of operations) {
          await expect(Promise.resolve().then(operation)).rejects.toBeInstanceOf(RangeError);
          await expect(operation()).rejects.toBeInstanceOf(RangeError);
        }
        expect(await store.list('')).toEqual([]);
      });
    });

    describe('tags', () => {
      it('change with the content, and are the same from put and get', async () => {
        const first = await store.put('a', bytesOf('one'));
        expect((await store.get('a'))!.etag).toBe(first);
        const second = await store.put('a', bytesOf('two'));
        expect(second).not.toBe(first);
        expect((await store.get('a'))!.etag).toBe(second);
      });

      it('come from conditional writes too', async () => {
        const created = await store.putIfAbsent('a', bytesOf('one'));
        expect((await store.get('a'))!.etag).toBe(created);
        const replaced = await store.putIfMatch('a', bytesOf('two'), created!);
        expect((await store.get('a'))!.etag).toBe(replaced);
      });
    });

    describe('putIfAbsent', () => {
      it('creates once and then leaves the object alone', async () => {
        expect(await store.putIfAbsent('run/a', bytesOf('mine'))).toBeDefined();
        expect(await store.putIfAbsent('run/a', bytesOf('theirs'))).toBeUndefined();
        expect(await textAt(store, 'run/a')).toBe('mine');
      });

      it('creates again after a deletion', async () => {
        await store.putIfAbsent('a', bytesOf('one'));
        await store.delete('a');
        expect(await store.putIfAbsent('a', bytesOf('two'))).toBeDefined();
        expect(await textAt(store, 'a')).toBe('two');
      });

      it('lets exactly one of twenty racers win', async () => {
        for (const round of [0, 1, 2]) {
          const key = `race/${round}`;
          const tags = await Promise.all(racers.map((racer) => store.putIfAbsent(key, bytesOf(`racer ${racer}`))));
          const winners = racers.filter((racer) => tags[racer] !== undefined);
          expect(winners).toHaveLength(1);
          expect(await textAt(store, key)).toBe(`racer ${winners[0]}`);
          expect((await store.get(key))!.etag).toBe(tags[winners[0]!]);
        }
      });
    });

    describe('putIfMatch', () => {
      it('replaces the version with the tag, and no other', async () => {
        const first = await store.put('a', bytesOf('one'));
        const second = await store.putIfMatch('a', bytesOf('two'), first);
        expect(second).toBeDefined();
        expect(await store.putIfMatch('a', bytesOf('three'), first)).toBeUndefined();
        expect(await textAt(store, 'a')).toBe('two');
      });

      it('creates nothing', async () => {
        const tag = await store.put('a', bytesOf('one'));
        expect(await store.putIfMatch('b', bytesOf('two'), tag)).toBeUndefined();
        await store.delete('a');
        expect(await store.putIfMatch('a', bytesOf('two'), tag)).toBeUndefined();
        expect(await store.list('')).toEqual([]);
      });

      it('lets exactly one of twenty racers win', async () => {
        let tag = await store.put('a', bytesOf('start'));
        for (const round of [0, 1, 2]) {
          const tags = await Promise.all(
            racers.map((racer) => store.putIfMatch('a', bytesOf(`round ${round}, racer ${racer}`), tag)),
          );
          const winners = racers.filter((racer) => tags[racer] !== undefined);
          expect(winners).toHaveLength(1);
          expect(await textAt(store, 'a')).toBe(`round ${round}, racer ${winners[0]}`);
          tag = tags[winners[0]!]!;
        }
      });

      it('loses no update of racers that try until they win', async () => {
        await store.put('counter', bytesOf('0'));
        const increment = async (): Promise<void> => {
          const { bytes, etag } = (await store.get('counter'))!;
          const next = bytesOf(String(Number(textOf(bytes)) + 1));
          if ((await store.putIfMatch('counter', next, etag)) === undefined) await increment();
        };
        await Promise.all(racers.slice(0, 8).map(increment));
        expect(await textAt(store, 'counter')).toBe('8');
      });

      it('keeps different keys apart', async () => {
        const keys = racers.map((racer) => `key/${racer}`);
        const tags = await Promise.all(keys.map((key) => store.put(key, bytesOf('one'))));
        const replaced = await Promise.all(keys.map((key, index) => store.putIfMatch(key, bytesOf(key), tags[index]!)));
        expect(replaced.every((tag) => tag !== undefined)).toBe(true);
      });
    });

    describe('readers during writes', () => {
      it('see one version or the other, never a mixture', async () => {
        const sizes = [1_000_000, 700_001, 1_300_003];
        await store.put('a', filled(0, sizes[0]!));
        let writing = true;
        const write = async () => {
          for (let version = 1; version <= 12; version++) await store.put('a', filled(version, sizes[version % 3]!));
          writing = false;
        };
        const read = async () => {
          while (writing) {
            const { bytes } = (await store.get('a'))!;
            expect(bytes).toHaveLength(sizes[bytes[0]! % 3]!);
            expect(bytes.every((byte) => byte === bytes[0])).toBe(true);
          }
        };
        await Promise.all([write(), read(), read()]);
      });

      it('of ranges get those of the version that they opened, or an error', async () => {
        await store.put('a', filled(1, 100_000));
        const source = (await store.open('a'))!;
        expect([...(await source.read(0, 2))]).toEqual([1, 1]);
        await store.put('a', filled(2, 100_000));
        const later = await source.read(50_000, 50_002).catch(() => undefined);
        expect([undefined, 1]).toContain(later?.[0]);
      });
    });

    describe('open', () => {
      it('tells the size and reads any range', async () => {
        const content = Uint8Array.from({ length: 1000 }, (_, index) => index * 7);
        await store.put('run/weights', content);
        const source = (await store.open('run/weights'))!;
        expect(source.size).toBe(1000);
        await fc.assert(
          fc.asyncProperty(fc.nat(1000), fc.nat(1000), async (a, b) => {
            const [start, end] = [Math.min(a, b), Math.max(a, b)];
            expect([...(await source.read(start, end))]).toEqual([...content.subarray(start, end)]);
          }),
          { numRuns: 25 },
        );
      });

      it('reads from the midst of a large object', async () => {
        const large = Uint8Array.from({ length: largeSize }, (_, index) => index >> 12);
        await store.put('large', large);
        const source = (await store.open('large'))!;
        expect([...(await source.read(largeSize - 5, largeSize))]).toEqual([...large.subarray(-5)]);
        const [start, end] = [3_000_001, 6_000_002];
        expect(Buffer.compare(await source.read(start, end), large.subarray(start, end))).toBe(0);
      });
    });

    describe('list', () => {
      const keys = [
        'other/a',
        'run/epochs/0001/a',
        'run/epochs/0001/b/c',
        'run/epochs/0010/a',
        'run/head',
        'runs/head',
      ];
      beforeEach(async () => {
        for (const key of keys) await store.put(key, bytesOf('x'));
      });

      it.each<[prefix: string, found: string[]]>([
        ['', keys],
        ['run/', keys.slice(1, 5)],
        ['run', keys.slice(1)],
        ['run/epochs/00', keys.slice(1, 4)],
        ['run/epochs/0001', keys.slice(1, 3)],
        ['run/epochs/0001/', keys.slice(1, 3)],
        ['run/epochs/0001/b/c', ['run/epochs/0001/b/c']],
        ['run/head/', []],
        ['nothing', []],
        ['nothing/here/', []],
      ])('of %j gives every key that begins with it, sorted', async (prefix, found) => {
        expect(await store.list(prefix)).toEqual(found);
      });

      it.each(['/', '/abs', '../', '../a', 'a/../b', 'a//', 'a\\b/'])('refuses the prefix %j', async (prefix) => {
        await expect(store.list(prefix)).rejects.toBeInstanceOf(RangeError);
      });

      it('leaves out what was deleted', async () => {
        await store.delete('run/epochs/0001/a');
        expect(await store.list('run/epochs/0001/')).toEqual(['run/epochs/0001/b/c']);
      });
    });

    it('lists more than a thousand keys', async () => {
      const keys = Array.from({ length: 1100 }, (_, index) => `run/${String(index).padStart(5, '0')}`);
      for (let at = 0; at < keys.length; at += 50) {
        await Promise.all(keys.slice(at, at + 50).map((key) => store.put(key, bytesOf(''))));
      }
      expect(await store.list('run/')).toEqual(keys);
      expect(await store.list('run/00')).toEqual(keys.slice(0, 1000));
    });

    describe('delete', () => {
      it('removes one object, and does not mind when there is none', async () => {
        await store.put('run/a', bytesOf('a'));
        await store.put('run/ab', bytesOf('ab'));
        await store.delete('run/a');
        await store.delete('run/a');
        await store.delete('nothing/here');
        await store.delete('run/ab/c');
        expect(await store.list('')).toEqual(['run/ab']);
      });

      it('of a folder of keys removes none of them', async () => {
        await store.put('run/a', bytesOf('a'));
        await store.delete('run');
        expect(await textAt(store, 'run/a')).toBe('a');
      });
    });

    it('behaves like a map of keys to bytes under any sequence of operations', async () => {
      const key = fc.constantFrom('a', 'b/c', 'b/d');
      const operation = fc.oneof(
        fc.record({ do: fc.constant('put' as const), key, text: fc.string() }),
        fc.record({ do: fc.constant('putIfAbsent' as const), key, text: fc.string() }),
        fc.record({ do: fc.constant('putIfMatch' as const), key, text: fc.string(), stale: fc.boolean() }),
        fc.record({ do: fc.constant('delete' as const), key }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { maxLength: 12 }), async (operations) => {
          const fresh = await makeStore();
          const model = new Map<string, string>();
          for (const step of operations) {
            const known = model.get(step.key);
            if (step.do === 'put') {
              await fresh.put(step.key, bytesOf(step.text));
              model.set(step.key, step.text);
            } else if (step.do === 'putIfAbsent') {
              const tag = await fresh.putIfAbsent(step.key, bytesOf(step.text));
              expect(tag !== undefined).toBe(known === undefined);
              if (tag) model.set(step.key, step.text);
            } else if (step.do === 'putIfMatch') {
              const current = (await fresh.get(step.key))?.etag;
              const matches = current !== undefined && !step.stale;
              const tag = await fresh.putIfMatch(step.key, bytesOf(step.text), matches ? current : 'no-such-tag');
              expect(tag !== undefined).toBe(matches);
              if (tag) model.set(step.key, step.text);
            } else {
              await fresh.delete(step.key);
              model.delete(step.key);
            }
          }
          expect(await fresh.list('')).toEqual([...model.keys()].sort());
          for (const [stored, text] of model) expect(await textAt(fresh, stored)).toBe(text);
        }),
        { numRuns: 15 },
      );
    });
  });
}
