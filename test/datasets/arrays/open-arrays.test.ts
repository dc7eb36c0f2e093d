import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withArrayFile } from '../../../shared/datasets/arrays/open-arrays.ts';
import { openBelow, refusalOf } from '../../support/arrays.ts';
import { fixturePath } from '../../support/fixtures.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'arrays-'));
});
afterAll(() => rm(folder, { recursive: true }));

it.each([
  ['types.hdf5', 'HDF5'],
  ['v73.mat', 'MATLAB v7.3 (HDF5)'],
  ['plain_v5.mat', 'MATLAB v5'],
  ['big_endian_v5.mat', 'MATLAB v5'],
  ['plain.npy', '.npy'],
  ['types.npz', '.npz'],
])('tells %s by its content, whatever its name is', async (name, format) => {
  const path = join(folder, 'data.bin');
  await copyFile(fixturePath('arrays', name), path);
  expect(await withArrayFile(path, (file) => [file.path, file.format])).toEqual([path, format]);
});

it.each([
  [Buffer.from('CDF\x01netcdf'), 'netCDF of the classic format'],
  [Buffer.from('<!DOCTYPE html>'), 'a web page'],
  [Buffer.from('\x1f\x8bzipped', 'latin1'), 'compressed by gzip'],
  [Buffer.from('PK\x05\x06'.padEnd(22, '\0'), 'latin1'), 'a ZIP archive without a .npy file'],
  [Buffer.from('x,y\n1,2\n'), 'none of the formats of arrays that are read\n'],
  [Buffer.alloc(0), 'is empty (0 bytes)'],
])('says what a file of another format is (%#)', async (bytes, words) => {
  const path = join(folder, 'other.bin');
  await writeFile(path, bytes);
  expect(await refusalOf(withArrayFile(path, () => 0))).toContain(words);
});

it('refuses MATLAB v4 by name', async () => {
  expect(await refusalOf(withArrayFile(fixturePath('arrays', 'v4.mat'), () => 0))).toContain(
    'MATLAB v4, which is not read',
  );
});

it('refuses a path that is not there, and a folder that is not in Zarr format', async () => {
  expect(await refusalOf(withArrayFile(join(folder, 'none'), () => 0))).toContain('there is no such file');
  await mkdir(join(folder, 'empty'));
  expect(await refusalOf(withArrayFile(join(folder, 'empty'), () => 0))).toContain('not in Zarr format');
});

it('closes the file when the one that uses it fails', async () => {
  for (const name of ['types.hdf5', 'plain_v5.mat', 'compressed_v5.mat', 'plain.npy', 'types.npz', 'deflated.npz']) {
    const path = join(folder, name);
    await copyFile(fixturePath('arrays', name), path);
    const failure = withArrayFile(path, async (file) => {
      await file
        .array(file.names()[0]!)
        .read(file.array(file.names()[0]!).shape.map(() => ({ start: 0, count: 1, stride: 1 })));
      throw new Error('its user fails');
    });
    await expect(failure).rejects.toThrow('its user fails');
    await expect.poll(() => openBelow(folder)).toEqual([]);
  }
});
