import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
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

it('refuses a missing file', async () => {
  await expect(fingerprintFile(fixturePath('data', 'nowhere.hdf5'))).rejects.toThrow(UserError);
});
