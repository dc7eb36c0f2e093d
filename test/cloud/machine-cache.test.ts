import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { cacheOf } from '../../functions/train-epoch/cache-of.ts';
import { s3Inputs } from '../../shared/cloud/inputs.ts';
import { openMachineCache } from '../../shared/cloud/machine-cache.ts';
import { startDeployment } from '../support/deployment.ts';
import { temporaryFolder } from '../support/small-run.ts';

const day = 86_400_000;

/** Jobs of a machine, and what they were told. */
function machine(folder: string, mostBytes = 100) {
  const told: string[] = [];
  let clock = Date.UTC(2026, 10, 30);
  const fetched: string[] = [];
  const job = async (name: string) => {
    const cache = await openMachineCache(folder, {
      job: name,
      mostBytes,
      tell: (what) => told.push(what),
      now: () => clock,
    });
    const get = async (id: string, content = id.repeat(10)) => {
      clock += 60_000;
      const path = join(cache.scratch, id, 'data.txt');
      await cache.fetch({ id, bytes: content.length }, path, async (to) => {
        fetched.push(id);
        await mkdir(dirname(to), { recursive: true });
        await writeFile(to, content);
      });
      return path;
    };
    return { ...cache, get, end: () => rm(cache.scratch, { recursive: true }) };
  };
  const pass = (milliseconds: number) => {
    clock += milliseconds;
  };
  return { job, fetched, told, pass, kept: async () => (await readdir(join(folder, 'contents'))).toSorted() };
}

describe('what a machine keeps from one job to the next', () => {
  it('is not fetched again', async () => {
    const { job, fetched, told } = machine(await temporaryFolder());
    const first = await job('one');
    expect(await readFile(await first.get('a'), 'utf8')).toBe('aaaaaaaaaa');
    await first.end();
    const second = await job('two');
    expect(await readFile(await second.get('a'), 'utf8')).toBe('aaaaaaaaaa');
    expect(fetched).toEqual(['a']);
    expect(told).toEqual(['used again from this machine: 10 bytes (a)']);
  });

  it('is checked whenever it is used: what is damaged is fetched again', async () => {
    const folder = await temporaryFolder();
    const { job, fetched, told } = machine(folder);
    await (await job('one')).get('a');
    await rm(join(folder, 'jobs/one'), { recursive: true });
    await writeFile(join(folder, 'contents/a/files'), 'aaaaabaaaa');
    const path = await (await job('two')).get('a');
    expect([await readFile(path, 'utf8'), fetched]).toEqual(['aaaaaaaaaa', ['a', 'a']]);
    expect(told[0]).toContain('damaged, fetched again');
  });

  it('is bounded: what was used longest ago goes first, and a job that reads it reads on', async () => {
    const { job, kept } = machine(await temporaryFolder(), 30);
    const { get } = await job('one');
    const [a] = [await get('a'), await get('b'), await get('c')];
    const other = await job('two');
    await other.get('a');
    await other.get('d');
    expect(await kept()).toEqual(['a', 'c', 'd']);
    await other.get('e', 'e'.repeat(30));
    expect(await kept()).toEqual(['e']);
    expect(await readFile(a, 'utf8')).toBe('aaaaaaaaaa');
    await other.get('f', 'f'.repeat(31));
    expect(await kept()).toEqual([]);
  });

  it('appears whole or not at all: a download that fails leaves nothing', async () => {
    const folder = await temporaryFolder();
    const { job, kept } = machine(folder);
    const { fetch, scratch } = await job('one');
    const fails = fetch({ id: 'a', bytes: 1 }, join(scratch, 'a'), async (to) => {
      await writeFile(to, 'half');
      throw new Error('cut off');
    });
    await expect(fails).rejects.toThrow('cut off');
    expect([await kept(), await readdir(scratch)]).toEqual([[], []]);
  });

  it('is fetched by several jobs at once without harm', async () => {
    const { job, kept } = machine(await temporaryFolder(), 25);
    const jobs = await Promise.all(Array.from({ length: 8 }, (_, index) => job(`job-${index}`)));
    const read = await Promise.all(
      jobs.flatMap(({ get }) => ['a', 'b', 'c'].map(async (id) => ({ id, path: await get(id) }))),
    );
    for (const { id, path } of read) expect(await readFile(path, 'utf8')).toBe(id.repeat(10));
    for (const id of await kept()) expect(['a', 'b', 'c']).toContain(id);
  });

  it('does not include what a job has left behind that was killed', async () => {
    const folder = await temporaryFolder();
    const { job } = machine(folder);
    await (await job('killed')).get('a');
    await job('next');
    expect(existsSync(join(folder, 'jobs/killed'))).toBe(true);
    const old = (Date.UTC(2026, 10, 30) - 3 * day) / 1000;
    await utimes(join(folder, 'jobs/killed'), old, old);
    await job('later');
    expect(existsSync(join(folder, 'jobs/killed'))).toBe(false);
  });

  it('is nothing where the deployment gives no folder, or one that can not be written', async () => {
    const told: string[] = [];
    const open = (environment: Record<string, string>) => cacheOf(environment, 'job', (what) => told.push(what));
    expect(await open({})).toBeUndefined();
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    expect(await open({ TEMPBALANCE_INPUT_CACHE: file, TEMPBALANCE_INPUT_CACHE_GB: '1' })).toBeUndefined();
    expect(told).toEqual([expect.stringContaining('nothing is kept on this machine')]);
  });
});

const deployment = await startDeployment();

describe.skipIf(!deployment)('two jobs of a profile on one machine', () => {
  const deployed = deployment!;

  it('fetch data and base model once; another version is other content', async () => {
    const bucket = `s3://${deployed.bucket}`;
    const first = await deployed.upload('datasets/kept/data.hdf5', 'data');
    for (const name of ['config.json', 'model.safetensors']) await deployed.upload(`weights/kept/${name}`, name);
    const second = await deployed.upload('datasets/kept/data.hdf5', 'more');
    const folder = await temporaryFolder();
    let gets = 0;
    const counting = new Proxy(deployed.s3, {
      get: (client, key) =>
        key === 'send'
          ? (command: unknown, ...rest: []) => {
              if (command instanceof GetObjectCommand) gets++;
              return (client.send as (...all: unknown[]) => unknown).call(client, command, ...rest);
            }
          : Reflect.get(client, key),
    }) as S3Client;
    const read = async (job: string, version: string) => {
      const environment = { TEMPBALANCE_INPUT_CACHE: folder, TEMPBALANCE_INPUT_CACHE_GB: '1' };
      const cache = await cacheOf(environment, job, () => {});
      const { localPath, withAddresses } = s3Inputs(counting, '/nowhere', { cache });
      const address = `${bucket}/datasets/kept/data.hdf5?versionId=${version}`;
      const [data, model] = [await localPath(address), await localPath(`${bucket}/weights/kept/`)];
      expect(withAddresses(`${data}: x`)).toBe(`${address}: x`);
      expect(await readFile(join(model, 'model.safetensors'), 'utf8')).toBe('model.safetensors');
      return readFile(data, 'utf8');
    };
    expect([await read('one', first), gets]).toEqual(['data', 3]);
    expect([await read('two', first), gets]).toEqual(['data', 3]);
    expect([await read('three', second), gets]).toEqual(['more', 4]);
  });
});
