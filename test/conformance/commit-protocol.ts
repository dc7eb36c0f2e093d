/** What a run relies on, for each artifact store to be held to: commit, recovery and pruning. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type ArtifactStore, sha256 } from '../../shared/checkpoints/artifact-store.ts';
import { type Attempt, commit, recover } from '../../shared/checkpoints/commit.ts';
import {
  type FileRecords,
  type Manifest,
  readArtifact,
  readHead,
  readHeadManifest,
  readManifest,
  writeArtifact,
} from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { prune } from '../../shared/checkpoints/prune.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { RunError } from '../../shared/core/errors.ts';

const run = 'runs/burgers';
const committedAt = new Date('2026-11-23T10:15:00Z');
const fileNames = ['model.safetensors', 'optimizer.safetensors', 'predictions.json', 'metrics.json', 'progress.json'];
const bytesOf = (text: string) => new TextEncoder().encode(text);

let store: ArtifactStore;

/** Writes the files of an attempt; their content tells epoch, attempt and name. */
async function writeAttempt(epoch: number, attempt: string): Promise<Attempt> {
  let files: FileRecords = {};
  for (const name of fileNames) {
    const content = bytesOf(`${epoch} ${attempt} ${name}`);
    files = { ...files, ...(await writeArtifact(store, { run, epoch, attempt }, name, content)) };
  }
  return { run, epoch, attempt, files };
}

const commitEpoch = async (epoch: number, attempt = `attempt${epoch}`) =>
  commit(store, await writeAttempt(epoch, attempt), committedAt);

async function commitEpochs(last: number): Promise<void> {
  for (let epoch = 0; epoch <= last; epoch++) await commitEpoch(epoch);
}

const artifactKey = (epoch: number, file: string, attempt = `attempt${epoch}`) =>
  runKeys.artifact(run, epoch, attempt, file);

/** Everything that is in the store. */
async function contents(): Promise<Record<string, string>> {
  const entries: [string, string][] = [];
  for (const key of await store.list('')) {
    entries.push([key, new TextDecoder().decode((await store.get(key))!.bytes)]);
  }
  return Object.fromEntries(entries);
}

/** That the head names an epoch whose manifest and files are as they were committed. */
async function expectIntactHead(epoch: number): Promise<void> {
  const manifest = await readHeadManifest(store, run);
  expect(manifest.epoch).toBe(epoch);
  for (const file of Object.keys(manifest.files)) await readArtifact(store, manifest, file);
}

async function spoilPrevious(epoch: number): Promise<void> {
  const key = runKeys.manifest(run, epoch);
  const manifest = JSON.parse(new TextDecoder().decode((await store.get(key))!.bytes));
  await store.put(key, bytesOf(JSON.stringify({ ...manifest, previous: '0'.repeat(64) })));
}

/** Runs the protocol on the stores that `makeStore` makes; each must be empty and live as long as the test. */
export function describeCommitProtocol(name: string, makeStore: () => Promise<ArtifactStore>): void {
  describe(`on ${name}`, () => {
    beforeEach(async () => {
      store = await makeStore();
    });

    describe('commit', () => {
      it('makes an attempt the head, by a manifest with the digests of its files and of the epoch before', async () => {
        await commitEpoch(0);
        const manifest = await commitEpoch(1);
        expect(manifest).toMatchObject({ run, epoch: 1, attempt: 'attempt1', committedAt: committedAt.toISOString() });
        const model = bytesOf('1 attempt1 model.safetensors');
        expect(manifest.files['model.safetensors']).toEqual({ bytes: model.length, sha256: sha256(model) });
        const [before, stored] = await Promise.all([0, 1].map((epoch) => store.get(runKeys.manifest(run, epoch))));
        expect(manifest.previous).toBe(sha256(before!.bytes));
        expect(await readHead(store, run)).toMatchObject({ epoch: 1, manifest: sha256(stored!.bytes) });
        expect(await readHeadManifest(store, run)).toEqual(manifest);
        expect(await readArtifact(store, manifest, 'model.safetensors')).toEqual(model);
        expect(await readArtifact(store, manifest, 'rates.json')).toBeUndefined();
      });

      it('has no predecessor at epoch 0', async () => {
        expect((await commitEpoch(0)).previous).toBeNull();
      });

      it('may be repeated', async () => {
        await commitEpoch(0);
        const attempt = await writeAttempt(1, 'a');
        const first = await commit(store, attempt, committedAt);
        const before = await contents();
        expect(await commit(store, attempt, new Date('2026-11-24T00:00:00Z'))).toEqual(first);
        expect(await contents()).toEqual(before);
      });

      it.each([
        [0, "can't follow epoch 2"],
        [1, "can't follow epoch 2"],
        [4, "can't follow epoch 2"],
      ])('refuses epoch %i after epoch 2', async (epoch, message) => {
        await commitEpochs(2);
        const attempt = await writeAttempt(epoch, 'late');
        const before = await contents();
        await expect(commit(store, attempt, committedAt)).rejects.toThrow(message);
        await expect(commit(store, attempt, committedAt)).rejects.toBeInstanceOf(RunError);
        expect(await contents()).toEqual(before);
      });

      it('refuses epoch 1 of a run without epoch 0', async () => {
        await expect(commitEpoch(1)).rejects.toThrow("epoch 1 can't follow epoch none");
      });

      it.each<[what: string, damage: (key: string) => Promise<unknown>, message: string]>([
        ['missing', (key) => store.delete(key), 'is missing'],
        ['cut off', (key) => store.put(key, bytesOf('0')), 'has 1 bytes instead of 21'],
        ['changed', (key) => store.put(key, bytesOf('x'.repeat(21))), 'does not have the content that was written'],
      ])('refuses an attempt with a file that is %s', async (_, damage, message) => {
        const attempt = await writeAttempt(0, 'a');
        const key = artifactKey(0, 'model.safetensors', 'a');
        await damage(key);
        const error = await commit(store, attempt, committedAt).catch((thrown) => thrown);
        expect(error).toBeInstanceOf(RunError);
        expect(error.message).toContain(key);
        expect(error.message).toContain(message);
        expect(await readHead(store, run)).toBeUndefined();
        expect(await store.get(runKeys.manifest(run, 0))).toBeUndefined();
      });

      it('adopts the intact manifest of a writer that died before it moved the head', async () => {
        await commitEpoch(0);
        const head = (await store.get(runKeys.head(run)))!;
        const theirs = await commitEpoch(1, 'theirs');
        await store.put(runKeys.head(run), head.bytes);
        expect(await commitEpoch(1, 'ours')).toEqual(theirs);
        await expectIntactHead(1);
      });

      it.each<[what: string, spoil: () => Promise<unknown>]>([
        ['is damaged', () => store.put(runKeys.manifest(run, 1), bytesOf('{"version": 1'))],
        ['names a damaged file', () => store.put(artifactKey(1, 'model.safetensors', 'theirs'), bytesOf('x'))],
        ['follows another epoch 0', async () => spoilPrevious(1)],
      ])('replaces a manifest left behind that %s', async (_, spoil) => {
        await commitEpoch(0);
        const head = (await store.get(runKeys.head(run)))!;
        await commitEpoch(1, 'theirs');
        await store.put(runKeys.head(run), head.bytes);
        await spoil();
        expect(await commitEpoch(1, 'ours')).toMatchObject({ attempt: 'ours' });
        await expectIntactHead(1);
      });

      it('lets racing writers commit one attempt, and damages nothing', async () => {
        await commitEpoch(0);
        const attempts = await Promise.all(Array.from({ length: 10 }, (_, index) => writeAttempt(1, `racer${index}`)));
        const results = await Promise.allSettled(
          attempts.map((attempt, index) => commit(store, attempt, new Date(committedAt.getTime() + index))),
        );
        const manifest = await readHeadManifest(store, run);
        expect(results.some(({ status }) => status === 'fulfilled')).toBe(true);
        for (const result of results) {
          if (result.status === 'fulfilled') expect(result.value).toEqual(manifest);
          else expect(result.reason).toBeInstanceOf(RunError);
        }
        await expectIntactHead(1);
      });

      it('gives the loser a RunError when the head has gone on in the meantime', async () => {
        await commitEpoch(0);
        const late = await writeAttempt(1, 'late');
        const slow: ArtifactStore = {
          ...store,
          async putIfMatch(key, bytes, etag) {
            if (key === runKeys.head(run)) {
              await commit(store, late, committedAt);
              await commitEpoch(2);
            }
            return store.putIfMatch(key, bytes, etag);
          },
        };
        const error = await commit(slow, late, committedAt).catch((thrown) => thrown);
        expect(error).toBeInstanceOf(RunError);
        expect(error.message).toContain('another process committed epoch 2 first');
        await expectIntactHead(2);
      });

      it('holds no place, so that a run can be moved', async () => {
        await commitEpochs(1);
        const moved = memoryStore();
        for (const key of await store.list('')) {
          await moved.put(key.replace(run, 'elsewhere'), (await store.get(key))!.bytes);
        }
        const { manifest } = await recover(moved, 'elsewhere');
        expect(manifest).toMatchObject({ run: 'elsewhere', epoch: 1 });
        expect(await readArtifact(moved, manifest!, 'model.safetensors')).toBeDefined();
        expect((await readHeadManifest(moved, 'elsewhere')).epoch).toBe(1);
      });
    });

    describe('recover', () => {
      it('says that nothing was ever committed', async () => {
        expect(await recover(store, run)).toEqual({ manifest: undefined, damage: [] });
        await writeAttempt(0, 'abandoned');
        expect(await recover(store, run)).toEqual({ manifest: undefined, damage: [] });
      });

      it('changes nothing of an intact run', async () => {
        await commitEpochs(2);
        const before = await contents();
        const { manifest, damage } = await recover(store, run);
        expect(manifest).toEqual(await readManifest(store, run, 2));
        expect(damage).toEqual([]);
        expect(await contents()).toEqual(before);
      });

      it('takes a manifest written by hand for intact, as long as the head names its bytes', async () => {
        await commitEpoch(0);
        const manifest = JSON.parse(new TextDecoder().decode((await store.get(runKeys.manifest(run, 0)))!.bytes));
        const compact = bytesOf(JSON.stringify(manifest));
        await store.put(runKeys.manifest(run, 0), compact);
        const { damage } = await recover(store, run);
        expect(damage).toEqual([{ epoch: 0, key: runKeys.head(run), what: 'names another manifest' }]);
        await expectIntactHead(0);
        expect((await recover(store, run)).damage).toEqual([]);
      });

      it.each<[what: string, key: () => string, damage: (key: string) => Promise<unknown>, said: RegExp]>([
        [
          'a changed model',
          () => artifactKey(3, 'model.safetensors'),
          (key) => store.put(key, bytesOf('x'.repeat(28))),
          /does not have the content that was written/,
        ],
        [
          'a model cut off',
          () => artifactKey(3, 'model.safetensors'),
          (key) => store.put(key, bytesOf('x')),
          /has 1 bytes instead of 28/,
        ],
        ['a missing file', () => artifactKey(3, 'metrics.json'), (key) => store.delete(key), /is missing/],
        [
          'a damaged manifest',
          () => runKeys.manifest(run, 3),
          (key) => store.put(key, bytesOf('{"version": 1,')),
          /is damaged/,
        ],
        ['a missing manifest', () => runKeys.manifest(run, 3), (key) => store.delete(key), /is missing/],
      ])('falls back over %s to the epoch before, and names it', async (_, keyOf, spoil, said) => {
        await commitEpochs(3);
        await spoil(keyOf());
        const { manifest, damage } = await recover(store, run);
        expect(manifest!.epoch).toBe(2);
        expect(damage).toEqual([{ epoch: 3, key: keyOf(), what: expect.stringMatching(said) }]);
        await expectIntactHead(2);
        expect(await store.get(runKeys.manifest(run, 3))).toBeUndefined();

        await commitEpoch(3, 'again');
        await expectIntactHead(3);
        expect(await recover(store, run)).toMatchObject({ manifest: { epoch: 3, attempt: 'again' }, damage: [] });
      });

      it('sets a damaged epoch aside rather than delete it', async () => {
        await commitEpochs(1);
        await store.delete(artifactKey(1, 'metrics.json'));
        await recover(store, run);
        const kept = (await store.list(runKeys.epoch(run, 1))).filter((key) => /damaged-\w+\.json$/.test(key));
        expect(kept).toHaveLength(1);
      });

      it('falls back over several epochs at once, pruned ones among them', async () => {
        await commitEpochs(4);
        const head = await readHeadManifest(store, run);
        await prune(store, head, { keep: 2, best: 1, epochs: [0, 1, 2, 3, 4] });
        await store.delete(artifactKey(4, 'model.safetensors'));
        await store.put(artifactKey(3, 'optimizer.safetensors'), bytesOf('x'));
        const { manifest, damage } = await recover(store, run);
        expect(manifest!.epoch).toBe(1);
        expect(damage.map(({ epoch }) => epoch)).toEqual([4, 3, 2]);
        await expectIntactHead(1);
      });

      it('says so when no epoch is intact', async () => {
        await commitEpochs(1);
        await store.delete(artifactKey(0, 'model.safetensors'));
        await store.put(artifactKey(1, 'model.safetensors'), bytesOf('x'));
        const before = await contents();
        const error = await recover(store, run).catch((thrown) => thrown);
        expect(error).toBeInstanceOf(RunError);
        expect(error.message).toContain(artifactKey(1, 'model.safetensors'));
        expect(error.message).toContain('no older epoch is intact');
        expect(await contents()).toEqual(before);
      });

      it.each<[what: string, spoil: (key: string) => Promise<unknown>, said: string]>([
        ['cut off', (key) => store.put(key, bytesOf('{"epoch": 2')), 'is damaged'],
        ['empty', (key) => store.put(key, new Uint8Array(0)), 'is damaged'],
        ['gone', (key) => store.delete(key), 'is missing'],
      ])('makes a head that is %s anew from the newest manifest', async (_, spoil, said) => {
        await commitEpochs(2);
        await spoil(runKeys.head(run));
        const { manifest, damage } = await recover(store, run);
        expect(manifest!.epoch).toBe(2);
        expect(damage).toEqual([{ epoch: 2, key: runKeys.head(run), what: said }]);
        await expectIntactHead(2);
        await commitEpoch(3);
      });

      it('makes a head anew from the newest intact epoch where the last one is damaged too', async () => {
        await commitEpochs(3);
        await store.put(runKeys.head(run), bytesOf('{'));
        await store.put(artifactKey(3, 'model.safetensors'), bytesOf('x'));
        const { manifest, damage } = await recover(store, run);
        expect(manifest!.epoch).toBe(2);
        expect(damage.map(({ key }) => key)).toEqual([runKeys.head(run), artifactKey(3, 'model.safetensors')]);
        await expectIntactHead(2);
      });

      it('refuses a damaged head when there is nothing to make it anew from', async () => {
        await store.put(runKeys.head(run), bytesOf('{'));
        await expect(recover(store, run)).rejects.toThrow('head.json: is damaged, and no older epoch is intact');
      });

      it.each([0, 1])('completes the commit of epoch %i whose writer died before it moved the head', async (epoch) => {
        await commitEpochs(epoch - 1);
        const head = await store.get(runKeys.head(run));
        const theirs = await commitEpoch(epoch, 'theirs');
        await (head ? store.put(runKeys.head(run), head.bytes) : store.delete(runKeys.head(run)));
        expect(await recover(store, run)).toEqual({ manifest: theirs, damage: [] });
        await expectIntactHead(epoch);
      });

      it.each([0, 1])('does not complete the commit of epoch %i when its files are not intact', async (epoch) => {
        await commitEpochs(epoch - 1);
        const head = await store.get(runKeys.head(run));
        await commitEpoch(epoch, 'theirs');
        await (head ? store.put(runKeys.head(run), head.bytes) : store.delete(runKeys.head(run)));
        await store.delete(artifactKey(epoch, 'model.safetensors', 'theirs'));
        const { manifest, damage } = await recover(store, run);
        expect(manifest?.epoch).toBe(epoch === 0 ? undefined : epoch - 1);
        expect(damage).toEqual([]);
        await commitEpoch(epoch, 'ours');
        await expectIntactHead(epoch);
      });

      it('does not move the head of a run that another process has moved meanwhile, and goes on from that one', async () => {
        await commitEpochs(2);
        await store.delete(artifactKey(2, 'model.safetensors'));
        let theirs: Manifest | undefined;
        const disturbed: ArtifactStore = {
          ...store,
          async putIfMatch(key, bytes, etag) {
            if (!theirs) {
              await recover(store, run);
              theirs = await commitEpoch(2, 'theirs');
            }
            return store.putIfMatch(key, bytes, etag);
          },
        };
        expect(await recover(disturbed, run)).toEqual({ manifest: theirs, damage: [] });
        await expectIntactHead(2);
      });

      it('takes no epoch for damaged whose files another process prunes after a commit', async () => {
        await commitEpochs(2);
        let theirs: Manifest | undefined;
        const disturbed: ArtifactStore = {
          ...store,
          async get(key) {
            if (!theirs && key === artifactKey(2, 'model.safetensors')) {
              theirs = await commitEpoch(3, 'theirs');
              for (const epoch of [0, 1, 2]) await store.delete(artifactKey(epoch, 'model.safetensors'));
            }
            return store.get(key);
          },
        };
        expect(await recover(disturbed, run)).toEqual({ manifest: theirs, damage: [] });
        await expectIntactHead(3);
      });
    });

    describe('a damaged artifact', () => {
      it('is refused by name when it is read', async () => {
        const manifest = await commitEpoch(0);
        const key = artifactKey(0, 'model.safetensors');
        await store.put(key, bytesOf('x'));
        await expect(readArtifact(store, manifest, 'model.safetensors')).rejects.toThrow(key);
        await store.delete(key);
        await expect(readArtifact(store, manifest, 'model.safetensors')).rejects.toThrow('is missing');
      });

      it('is refused when it is the manifest that the head names', async () => {
        await commitEpoch(0);
        await spoilPrevious(0);
        await expect(readHeadManifest(store, run)).rejects.toThrow('is not the manifest that was committed');
        await store.delete(runKeys.manifest(run, 0));
        await expect(readHeadManifest(store, run)).rejects.toThrow('is missing');
      });

      it('is refused when it is the manifest of another epoch', async () => {
        await commitEpochs(1);
        await store.put(runKeys.manifest(run, 1), (await store.get(runKeys.manifest(run, 0)))!.bytes);
        await expect(readManifest(store, run, 1)).rejects.toThrow('is the manifest of epoch 0');
      });
    });

    describe('prune', () => {
      const everyEpoch = [0, 1, 2, 3, 4, 5];
      /** Epochs that still have a file of this name, of any attempt. */
      const epochsWith = async (file: string) =>
        (await store.list(runKeys.epochs(run)))
          .filter((key) => key.endsWith(`/${file}`))
          .map((key) => Number(key.slice(runKeys.epochs(run).length).split('/')[0]));

      it('keeps the weights of the last epochs and of the best, and every measurement', async () => {
        await commitEpochs(5);
        await prune(store, await readHeadManifest(store, run), { keep: 2, best: 1, epochs: everyEpoch });
        expect(await epochsWith('model.safetensors')).toEqual([1, 4, 5]);
        expect(await epochsWith('optimizer.safetensors')).toEqual([1, 4, 5]);
        expect(await epochsWith('predictions.json')).toEqual([1, 4, 5]);
        expect(await epochsWith('metrics.json')).toEqual(everyEpoch);
        expect(await epochsWith('progress.json')).toEqual(everyEpoch);
        expect(await epochsWith('manifest.json')).toEqual(everyEpoch);
      });

      it('frees every epoch but the last ones when none is the best', async () => {
        await commitEpochs(5);
        await prune(store, await readHeadManifest(store, run), { keep: 1, best: undefined, epochs: everyEpoch });
        expect(await epochsWith('model.safetensors')).toEqual([5]);
      });

      it('removes abandoned attempts wholly, but none of an epoch that is not committed yet', async () => {
        await commitEpochs(2);
        await writeAttempt(1, 'abandoned');
        await writeAttempt(3, 'under-way');
        await prune(store, await readHeadManifest(store, run), { keep: 2, best: 2, epochs: [0, 1, 2, 3] });
        expect(await store.list(`${runKeys.epoch(run, 1)}/abandoned`)).toEqual([]);
        expect(await store.list(`${runKeys.epoch(run, 3)}/under-way`)).toHaveLength(fileNames.length);
      });

      it('touches the epochs that it is given only, and may be repeated', async () => {
        await commitEpochs(5);
        const head = await readHeadManifest(store, run);
        await prune(store, head, { keep: 2, best: 5, epochs: [-1, 3, 99] });
        expect(await epochsWith('model.safetensors')).toEqual([0, 1, 2, 4, 5]);
        const before = await contents();
        await prune(store, head, { keep: 2, best: 5, epochs: [-1, 3, 99] });
        expect(await contents()).toEqual(before);
      });

      it('leaves the head intact', async () => {
        await commitEpochs(5);
        await prune(store, await readHeadManifest(store, run), { keep: 1, best: 2, epochs: everyEpoch });
        await expectIntactHead(5);
        expect((await recover(store, run)).damage).toEqual([]);
      });
    });
  });
}
