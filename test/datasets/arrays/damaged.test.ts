import fs from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { registry } from 'zarrita';
import { UserError } from '../../../shared/core/errors.ts';
import { randomFor } from '../../../shared/core/random.ts';
import { withArrayFile } from '../../../shared/datasets/arrays/open-arrays.ts';
import { openBelow, readWhole } from '../../support/arrays.ts';
import { fixturePath } from '../../support/fixtures.ts';
import { v2, v2Key, v3, v3Key, type WrittenZarr, writeZarr } from '../../support/zarr.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'damaged-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Mutations of each file. */
const mutations = 300;
/** Values of an array that are read; an array that claims more is listed alone. */
const mostValues = 2_000;
/** Bytes that this process may take in the end: what it starts with, the libraries' memory, and what small files need. */
const mostMemory = 1.5e9;

type Random = ReturnType<typeof randomFor>;

/** Bytes flipped or set, a part copied over another, set to the largest value, cut off or doubled. */
function mutated(original: Uint8Array, random: Random): Buffer {
  const bytes = Buffer.from(original);
  // Half of the time where headers are.
  const place = () => random.integer(random.uniform() < 0.5 ? Math.min(bytes.length, 600) : bytes.length);
  switch (random.integer(6)) {
    case 0:
      for (let i = 0; i < 4; i++) bytes[place()]! ^= 1 << random.integer(8);
      return bytes;
    case 1:
      for (let i = 0; i < 8; i++) bytes[place()] = random.integer(256);
      return bytes;
    case 2:
      bytes.copyWithin(place(), place(), Math.min(bytes.length, place() + 64));
      return bytes;
    case 3: {
      const at = place();
      return bytes.fill(random.uniform() < 0.5 ? 0xff : 0x7f, at, Math.min(bytes.length, at + 1 + random.integer(8)));
    }
    case 4:
      return bytes.subarray(0, random.integer(bytes.length));
    default: {
      const at = place();
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - 100))]);
    }
  }
}

/** Milliseconds that HDF5's library is given for an answer; on some damaged files it never gives one. */
const patience = 5_000;

/** Opens, lists and reads whatever can be. */
async function readEverything(path: string): Promise<void> {
  await withArrayFile(
    path,
    async (file) => {
      file.attributes();
      for (const name of file.names()) {
        const array = file.array(name);
        file.attributes(name);
        expect(array.storedBytes).toBeGreaterThanOrEqual(0);
        if (array.shape.reduce((product, size) => product * size, 1) > mostValues) continue;
        try {
          await readWhole(array);
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }
    },
    { patience },
  ).catch((error) => {
    if (!(error instanceof UserError)) throw error;
  });
}

/** Runs something and insists that nothing is printed, and nothing is left open or in memory. */
async function quietly(use: () => Promise<void>): Promise<void> {
  const prints = [
    vi.spyOn(process.stderr, 'write'),
    vi.spyOn(process.stdout, 'write'),
    ...(['error', 'warn', 'log'] as const).map((name) => vi.spyOn(console, name)),
  ];
  const written = vi.spyOn(fs, 'writeSync');
  try {
    await use();
    for (const print of prints) expect(print.mock.calls).toEqual([]);
    expect(written.mock.calls.filter(([descriptor]) => descriptor <= 2)).toEqual([]);
  } finally {
    vi.restoreAllMocks();
  }
  await expect.poll(() => openBelow(folder)).toEqual([]);
  expect(process.memoryUsage().rss).toBeLessThan(mostMemory);
}

it.each([
  'types.hdf5',
  'v73.mat',
  'plain_v5.mat',
  'compressed_v5.mat',
  'big_endian_v5.mat',
  'plain.npy',
  'types.npz',
  'deflated.npz',
])('%s, damaged, ends in plain words alone', { timeout: 120_000 }, async (name) => {
  const original = await readFile(fixturePath('arrays', name));
  const random = randomFor(1, name);
  await quietly(async () => {
    for (let mutation = 0; mutation < mutations; mutation++) {
      const path = join(folder, `${mutation}-${name}`);
      await writeFile(path, mutated(original, random));
      try {
        await readEverything(path);
      } catch (error) {
        throw new Error(`mutation ${mutation}`, { cause: error });
      }
      await rm(path);
    }
  });
});

const values: WrittenZarr = {
  shape: [6, 8],
  chunk: [4, 5],
  element: (index) => new Uint8Array(Float32Array.of(index).buffer),
};
const blosc = { cname: 'lz4', clevel: 5, shuffle: 1, blocksize: 0 };
const encodings: [name: string, compressor: object, encode: (bytes: Buffer) => Promise<Uint8Array> | Uint8Array][] = [
  ['gzip', { id: 'gzip', level: 1 }, (bytes) => gzipSync(bytes)],
  ['zstd', { id: 'zstd', level: 1 }, (bytes) => zstdCompressSync(bytes)],
  ...(['blosc', 'lz4'] as const).map(
    (name) =>
      [
        name,
        { id: name, ...blosc },
        async (bytes: Buffer) => {
          const codec = (await owned[name]!) as {
            fromConfig(given: object): { encode(bytes: Buffer): Promise<Uint8Array> };
          };
          return codec.fromConfig(blosc).encode(bytes);
        },
      ] as [string, object, (bytes: Buffer) => Promise<Uint8Array>],
  ),
];
/** Zarrita's own codecs, before the readers replace them. */
const owned = { blosc: registry.get('blosc')!(), lz4: registry.get('lz4')!() };

async function damageFolder(name: string, intact: string): Promise<void> {
  const random = randomFor(1, name);
  const files = (await readdir(intact, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(intact.length + 1));
  await quietly(async () => {
    for (let mutation = 0; mutation < mutations; mutation++) {
      const path = join(folder, `${mutation}-${name}`);
      await cp(intact, path, { recursive: true });
      const file = join(path, files[random.integer(files.length)]!);
      await writeFile(file, mutated(await readFile(file), random));
      try {
        await readEverything(path);
      } catch (error) {
        throw new Error(`mutation ${mutation}`, { cause: error });
      }
      await rm(path, { recursive: true });
    }
  });
}

it.each(encodings)(
  'Zarr v2 with %s, damaged, ends in plain words alone',
  { timeout: 120_000 },
  async (name, compressor, encode) => {
    const array = { ...values, encode };
    const intact = await writeZarr(
      join(folder, `intact-v2-${name}`),
      { '.zarray': v2(array, '<f4', { compressor }) },
      array,
      v2Key,
    );
    await damageFolder(`v2-${name}`, intact);
  },
);

it('Zarr v3 in shards, damaged, ends in plain words alone', { timeout: 120_000 }, async () => {
  const array: WrittenZarr = {
    ...values,
    shape: [8, 10],
    chunk: [4, 5],
    encode(bytes) {
      const index = Buffer.alloc(4 * 16);
      for (let part = 0; part < 4; part++) {
        index.writeBigUInt64LE(BigInt(part * 20), part * 16);
        index.writeBigUInt64LE(20n, part * 16 + 8);
      }
      return Buffer.concat([bytes, index]);
    },
  };
  const bytes = { name: 'bytes', configuration: { endian: 'little' } };
  const configuration = { chunk_shape: [1, 5], codecs: [bytes], index_codecs: [bytes] };
  const codecs = [{ name: 'sharding_indexed', configuration }];
  const intact = await writeZarr(
    join(folder, 'intact-v3'),
    { 'zarr.json': v3(array, 'float32', { codecs }) },
    array,
    v3Key,
  );
  await damageFolder('v3', intact);
});
