import * as nodeFiles from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FileWriter, fileStore, sweepScratch } from '../../shared/checkpoints/file-store.ts';
import { RunError, TransientError, UserError } from '../../shared/core/errors.ts';
import { describeArtifactStore } from '../conformance/artifact-store.ts';
import { firstOutputOf, moduleOf, outputOf, startProgram } from '../support/child.ts';
import { temporaryFolder } from '../support/small-run.ts';

describeArtifactStore('fileStore', async () => fileStore(await temporaryFolder()));

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textAt = async (root: string, key: string) => {
  const object = await fileStore(root).get(key);
  return object && new TextDecoder().decode(object.bytes);
};
const scratchOf = (root: string) => join(root, '.tempbalance-scratch');
const leftovers = (root: string) => nodeFiles.readdir(scratchOf(root)).catch(() => []);

describe('fileStore', () => {
  it('keeps each object as the file of its key', async () => {
    const root = await temporaryFolder();
    await fileStore(root).put('run/epochs/0001/metrics.json', bytesOf('{}'));
    expect(await nodeFiles.readFile(join(root, 'run', 'epochs', '0001', 'metrics.json'), 'utf8')).toBe('{}');
    expect(await leftovers(root)).toEqual([]);
  });

  it('makes its folder when there is none', async () => {
    const root = join(await temporaryFolder(), 'not', 'yet');
    expect(await fileStore(root).get('a')).toBeUndefined();
    expect(await fileStore(root).list('')).toEqual([]);
    await fileStore(root).putIfAbsent('a', bytesOf('x'));
    expect(await textAt(root, 'a')).toBe('x');
  });

  it('has no keys for its own scratch files', async () => {
    const store = fileStore(await temporaryFolder());
    await expect(store.put('.tempbalance-scratch/x', bytesOf('x'))).rejects.toBeInstanceOf(RangeError);
  });
});

describe('deferred writes', () => {
  const parts = [bytesOf('one '), bytesOf('two')];

  it('can be read at once, part behind part, and tell size and digest', async () => {
    const root = await temporaryFolder();
    const store = fileStore(root);
    const sha256 = await store.put('whole', bytesOf('one two'));
    expect(await store.deferred!.put('run/a', parts)).toEqual({ bytes: 7, sha256 });
    expect(await textAt(root, 'run/a')).toBe('one two');
    await store.deferred!.settle();
    expect(await leftovers(root)).toEqual([]);
  });

  it('fail when they are settled, again and again until the key is put anew, where the disk refuses them', async () => {
    const root = await temporaryFolder();
    let failing = true;
    const fileOf: FileWriter['open'] = async (...request) => {
      const file = await nodeFiles.open(...request);
      if (failing) file.sync = async () => Promise.reject(Object.assign(new Error('no luck'), { code: 'EIO' }));
      return file;
    };
    const { deferred } = fileStore(root, { ...nodeFiles, open: fileOf });
    await deferred!.put('run/a', parts);
    await expect(deferred!.settle()).rejects.toThrow('the disk did not answer (EIO)');
    await expect(deferred!.settle()).rejects.toThrow(join(root, 'run', 'a'));
    failing = false;
    await deferred!.put('run/a', parts);
    await deferred!.settle();
  });

  it.each(['open', 'rename'] as const)('leave no draft where %s fails', async (failing) => {
    const root = await temporaryFolder();
    const { deferred } = fileStore(root, brokenWriter(failing, 'ENOSPC'));
    await expect(deferred!.put('run/a', parts)).rejects.toThrow('the disk is full');
    expect(await textAt(root, 'run/a')).toBeUndefined();
    expect(await leftovers(root)).toEqual([]);
  });
});

describe('two processes at one store', () => {
  const contender = (root: string, action: string) => `
    import { fileStore } from ${moduleOf('shared/checkpoints/file-store.ts')};
    const store = fileStore(${JSON.stringify(root)});
    const bytesOf = (text) => new TextEncoder().encode(text);
    process.stdout.write('ready ');
    await new Promise((go) => process.stdin.once('data', go));
    ${action}
    process.exit();
  `;

  async function race(root: string, action: string): Promise<string[]> {
    const children = [startProgram(contender(root, action)), startProgram(contender(root, action))];
    await Promise.all(children.map(firstOutputOf));
    const outputs = children.map(outputOf);
    for (const child of children) child.stdin!.write('go');
    return Promise.all(outputs);
  }

  it('lose no compare-and-swap', async () => {
    const root = await temporaryFolder();
    await fileStore(root).put('counter', bytesOf('0'));
    await race(
      root,
      `for (let wins = 0; wins < 25; ) {
        const { bytes, etag } = await store.get('counter');
        const next = bytesOf(String(Number(new TextDecoder().decode(bytes)) + 1));
        if (await store.putIfMatch('counter', next, etag)) wins += 1;
      }`,
    );
    expect(await textAt(root, 'counter')).toBe('50');
    expect(await leftovers(root)).toEqual([]);
  });

  it('create each key once', async () => {
    const root = await temporaryFolder();
    const outputs = await race(
      root,
      `const won = [];
      for (let i = 0; i < 40; i++) if (await store.putIfAbsent('key/' + i, bytesOf(String(process.pid)))) won.push(i);
      console.log(JSON.stringify(won));`,
    );
    const won = outputs.flatMap((output) => JSON.parse(output) as number[]);
    expect(won.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index));
  });
});

/** A writer whose operation `failing` meets this error. */
function brokenWriter(failing: 'open' | 'write' | 'sync' | 'rename' | 'link', code: string): FileWriter {
  const fail = async (): Promise<never> => {
    throw Object.assign(new Error(`${code}: no luck`), { code });
  };
  return {
    ...nodeFiles,
    ...(failing === 'rename' || failing === 'link' || failing === 'open' ? { [failing]: fail } : {}),
    async open(...request) {
      if (failing === 'open') return fail();
      const file = await nodeFiles.open(...request);
      if (failing === 'write') {
        file.writeFile = async () => {
          await file.write(new Uint8Array(3));
          return fail();
        };
      }
      if (failing === 'sync') file.sync = fail;
      return file;
    },
  };
}

describe('a full disk', () => {
  it.each(['open', 'write', 'sync', 'rename'] as const)('at %s leaves the old content and says so', async (failing) => {
    const root = await temporaryFolder();
    const etag = await fileStore(root).put('run/head.json', bytesOf('old'));
    const store = fileStore(root, brokenWriter(failing, 'ENOSPC'));
    const attempts = [
      () => store.put('run/head.json', bytesOf('new')),
      () => store.putIfMatch('run/head.json', bytesOf('new'), etag),
    ];
    for (const attempt of attempts) {
      const error = await attempt().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(RunError);
      expect((error as Error).message).toContain(join(root, 'run', 'head.json'));
      expect((error as Error).message).toContain('the disk is full; what was committed before is intact');
      expect((error as Error).message).toContain('then resume the run');
    }
    expect(await textAt(root, 'run/head.json')).toBe('old');
    expect(await leftovers(root)).toEqual([]);
    expect(await fileStore(root).putIfMatch('run/head.json', bytesOf('new'), etag)).toBeDefined();
  });

  it.each(['write', 'sync', 'link'] as const)('at %s creates nothing', async (failing) => {
    const root = await temporaryFolder();
    const store = fileStore(root, brokenWriter(failing, 'ENOSPC'));
    await expect(store.putIfAbsent('run/a', bytesOf('new'))).rejects.toThrow('the disk is full');
    expect(await fileStore(root).list('')).toEqual([]);
    expect(await leftovers(root)).toEqual([]);
  });
});

it.each([
  ['EIO', TransientError, 'the disk did not answer (EIO)'],
  ['EMFILE', TransientError, 'the disk did not answer (EMFILE)'],
  ['EROFS', RunError, 'access is denied'],
  ['ENOTDIR', UserError, 'output.folder in a run file, folder in a compare file'],
] as const)('says what %s means', async (code, kind, message) => {
  const root = await temporaryFolder();
  const error = await fileStore(root, brokenWriter('write', code))
    .put('a', bytesOf('x'))
    .catch((thrown) => thrown);
  expect(error).toBeInstanceOf(kind);
  expect(error.message).toContain(message);
  expect(error.message).toContain(join(root, 'a'));
});

describe('a process that is killed in mid-write', () => {
  it('leaves the old content, and a draft that the next one sweeps away', async () => {
    const root = await temporaryFolder();
    await fileStore(root).put('a', bytesOf('old'));
    const child = startProgram(`
      import * as files from 'node:fs/promises';
      import { fileStore } from ${moduleOf('shared/checkpoints/file-store.ts')};
      const hang = () => { process.stdout.write('writing'); return new Promise((go) => setTimeout(go, 1e9)); };
      await fileStore(${JSON.stringify(root)}, { ...files, rename: hang }).put('a', new TextEncoder().encode('new'));
    `);
    await firstOutputOf(child);
    expect(await leftovers(root)).toHaveLength(1);
    await sweepScratch(root);
    expect(await leftovers(root)).toHaveLength(1);

    const ended = outputOf(child);
    child.kill('SIGKILL');
    await ended;
    expect(await textAt(root, 'a')).toBe('old');
    await sweepScratch(root);
    expect(await leftovers(root)).toEqual([]);
  });

  it('does not block the next compare-and-swap', async () => {
    const root = await temporaryFolder();
    const etag = await fileStore(root).put('a', bytesOf('old'));
    const child = startProgram(`
      import * as files from 'node:fs/promises';
      import { fileStore } from ${moduleOf('shared/checkpoints/file-store.ts')};
      const hang = () => { process.stdout.write('writing'); return new Promise((go) => setTimeout(go, 1e9)); };
      const store = fileStore(${JSON.stringify(root)}, { ...files, rename: hang });
      await store.putIfMatch('a', new TextEncoder().encode('new'), ${JSON.stringify(etag)});
    `);
    await firstOutputOf(child);
    const ended = outputOf(child);
    child.kill('SIGKILL');
    await ended;
    expect(await fileStore(root).putIfMatch('a', bytesOf('mine'), etag)).toBeDefined();
    expect(await textAt(root, 'a')).toBe('mine');
  });
});
