import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withArrayFile } from '../../../shared/datasets/arrays/open-arrays.ts';
import {
  fixtureShape,
  fixtureValues,
  readWhole,
  refusalOf,
  refusalOfArray,
  selected,
  someRanges,
} from '../../support/arrays.ts';
import { fixturePath } from '../../support/fixtures.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'numpy-'));
});
afterAll(() => rm(folder, { recursive: true }));

const types = fixturePath('arrays', 'types.npz');

describe('.npy', () => {
  it.each([
    ['plain.npy', 'float32'],
    ['fortran.npy', 'float64'],
    ['version2.npy', 'int16'],
    ['version3.npy', 'int16'],
  ])('reads %s, whose array is named "array"', async (name, type) => {
    await withArrayFile(fixturePath('arrays', name), async (file) => {
      expect(file.names()).toEqual(['array']);
      const array = file.array('array');
      expect([array.shape, array.type]).toEqual([fixtureShape, type]);
      expect(await readWhole(array)).toEqual(fixtureValues(type));
      expect([...(await array.read(someRanges))]).toEqual(selected(fixtureValues(type), fixtureShape, someRanges));
    });
  });

  it('refuses records', async () => {
    expect(await refusalOfArray(fixturePath('arrays', 'records.npy'), 'array')).toContain('a structured array');
  });

  it('refuses a file that is cut off, with both sizes', async () => {
    const path = join(folder, 'cut.npy');
    const bytes = await readFile(fixturePath('arrays', 'plain.npy'));
    await writeFile(path, bytes.subarray(0, 300));
    expect(await refusalOf(withArrayFile(path, () => 0))).toContain('claims 240 bytes, but the file has 172 bytes');
  });

  it('refuses a shape that no file can hold before it takes memory', async () => {
    const header = "{'descr': '<f8', 'fortran_order': False, 'shape': (9007199254740991, 8), }\n";
    const path = join(folder, 'absurd.npy');
    await writeFile(
      path,
      Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), Buffer.from([header.length, 0]), Buffer.from(header)]),
    );
    expect(await refusalOf(withArrayFile(path, () => 0))).toContain('its shape is [9007199254740991, 8]');
  });
});

describe('.npz', () => {
  it.each([
    'bool',
    'int8',
    'uint8',
    'int16',
    'uint16',
    'int32',
    'uint32',
    'int64',
    'uint64',
    'float16',
    'float32',
    'float64',
    'int16_be',
    'int64_be',
    'float16_be',
    'float32_be',
    'float64_be',
  ])('reads %s', async (name) => {
    const type = name.replace('_be', '');
    await withArrayFile(types, async (file) => {
      const array = file.array(name);
      expect([array.shape, array.type]).toEqual([fixtureShape, type]);
      expect(await readWhole(array)).toEqual(fixtureValues(type));
      expect([...(await array.read(someRanges))]).toEqual(selected(fixtureValues(type), fixtureShape, someRanges));
    });
  });

  it('reads a number without axes, and nothing of an array without elements', async () => {
    await withArrayFile(types, async (file) => {
      expect(await readWhole(file.array('scalar'))).toEqual([2.5]);
      expect(await readWhole(file.array('empty'))).toEqual([]);
      expect(await readWhole(file.array('fortran'))).toEqual(fixtureValues('float32'));
    });
  });

  it('reads deflated members', async () => {
    await withArrayFile(fixturePath('arrays', 'deflated.npz'), async (file) => {
      expect(await readWhole(file.array('values'))).toEqual(fixtureValues('float32'));
      expect(await readWhole(file.array('fortran'))).toEqual(fixtureValues('float64'));
      expect(file.array('values').storedBytes).toBeLessThan(368);
    });
  });

  it.each([
    ['complex', 'complex numbers ("<c8")'],
    ['text', 'texts ("<U2")'],
    ['records', 'a structured array'],
    ['float33', 'did you mean "float32"?'],
  ])('refuses %s in plain words', async (name, words) => {
    expect(await refusalOfArray(types, name)).toContain(words);
  });

  it('refuses a member that claims more than its bytes can inflate to', async () => {
    const path = join(folder, 'bomb.npz');
    const bytes = await readFile(fixturePath('arrays', 'deflated.npz'));
    // The size of the first member in the archive's directory.
    const directory = bytes.indexOf('PK\x01\x02', 0, 'latin1');
    bytes.writeUInt32LE(4_000_000_000, directory + 24);
    await writeFile(path, bytes);
    expect(await refusalOf(withArrayFile(path, () => 0))).toMatch(
      /member "values.npy" claims 4.0 GB, but the file has \d+ bytes/,
    );
  });
});
