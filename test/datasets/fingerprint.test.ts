import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { UserError } from '../../shared/core/errors.ts';
import { fingerprintFile, fingerprintFiles } from '../../shared/datasets/fingerprint.ts';
import { fixturePath } from '../support/fixtures.ts';

it('gives the size and SHA-256 of the whole file', async () => {
  const path = fixturePath('data', 'pde_1d.hdf5');
  const content = await readFile(path);
  expect(await fingerprintFile(path)).toEqual({
    bytes: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
  });
});

it('of several files is that of one after the other', async () => {
  const paths = [fixturePath('data', 'pde_1d.hdf5'), fixturePath('data', 'pde_1d.json')];
  const content = Buffer.concat(await Promise.all(paths.map((path) => readFile(path))));
  expect(await fingerprintFiles(paths)).toEqual({
    bytes: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
  });
});

it('of a folder is that of its files, by name, and changes with a name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fingerprint-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'u'));
  await writeFile(join(folder, 'u', '0.0'), 'first');
  await writeFile(join(folder, 'meta'), 'second');
  const found = await fingerprintFile(folder);
  expect(found).toEqual({ bytes: 11, sha256: createHash('sha256').update('meta\0secondu/0.0\0first').digest('hex') });
  await rename(join(folder, 'u', '0.0'), join(folder, 'u', '0.1'));
  expect((await fingerprintFile(folder)).sha256).not.toBe(found.sha256);
});

it('refuses a missing file', async () => {
  await expect(fingerprintFile(fixturePath('data', 'nowhere.hdf5'))).rejects.toThrow(UserError);
});
