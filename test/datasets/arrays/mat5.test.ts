import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
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
  folder = await mkdtemp(join(tmpdir(), 'mat5-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe.each(['plain_v5.mat', 'compressed_v5.mat'])('%s', (name) => {
  const path = fixturePath('arrays', name);

  it.each(['bool', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float32', 'float64'])(
    'holds %s',
    async (type) => {
      await withArrayFile(path, async (file) => {
        const array = file.array(type);
        expect([array.shape, array.type]).toEqual([fixtureShape, type]);
        expect(await readWhole(array)).toEqual(fixtureValues(type));
        expect([...(await array.read(someRanges))]).toEqual(selected(fixtureValues(type), fixtureShape, someRanges));
      });
    },
  );

  it('holds small arrays in two axes, as MATLAB does', async () => {
    await withArrayFile(path, async (file) => {
      expect(file.array('small').shape).toEqual([2, 3]);
      expect(await readWhole(file.array('small'))).toEqual([0, 1, 2, 3, 4, 5]);
      expect(file.array('x').shape).toEqual([1, 1]);
    });
  });

  it.each([
    ['text', 'a text (char)'],
    ['cells', 'a cell array'],
    ['structure', 'a struct'],
    ['sparse', 'a sparse matrix'],
    ['complex', 'complex numbers'],
    ['float33', 'did you mean "float32"?'],
  ])('refuses %s by name', async (array, words) => {
    expect(await refusalOfArray(path, array)).toContain(words);
  });
});

it('reads what a big-endian machine wrote, and doubles that are stored as whole numbers', async () => {
  await withArrayFile(fixturePath('arrays', 'big_endian_v5.mat'), async (file) => {
    expect(await readWhole(file.array('a'))).toEqual(fixtureValues('int16'));
    expect(file.array('a').type).toBe('float64');
  });
});

it('refuses a file that is cut off', async () => {
  const path = join(folder, 'cut.mat');
  const bytes = await readFile(fixturePath('arrays', 'plain_v5.mat'));
  await writeFile(path, bytes.subarray(0, 1000));
  expect(await refusalOf(withArrayFile(path, () => 0))).toMatch(/element \d+ claims .*, but the file has/);
});

/** A file with one compressed element of this content. */
async function compressed(name: string, content: Buffer): Promise<string> {
  const bytes = deflateSync(content);
  const tag = Buffer.alloc(8);
  tag.writeUInt32LE(15, 0);
  tag.writeUInt32LE(bytes.length, 4);
  const header = (await readFile(fixturePath('arrays', 'plain_v5.mat'))).subarray(0, 128);
  const path = join(folder, name);
  await writeFile(path, Buffer.concat([header, tag, bytes]));
  return path;
}

/** The first array of the fixture, as an element by itself. */
async function firstElement(): Promise<Buffer> {
  const bytes = await readFile(fixturePath('arrays', 'plain_v5.mat'));
  return bytes.subarray(128, 128 + 8 + bytes.readUInt32LE(132));
}

it('refuses an array that inflates to more than it claims', async () => {
  const path = await compressed('more.mat', Buffer.concat([await firstElement(), Buffer.alloc(1_000_000)]));
  expect(await refusalOfArray(path, 'bool')).toContain('inflates to more than');
});

it('refuses a claim that its compressed bytes can not hold', async () => {
  const content = Buffer.from(await firstElement());
  content.writeUInt32LE(0x7fff0000, 4);
  expect(await refusalOf(withArrayFile(await compressed('bomb.mat', content), () => 0))).toContain('claims 2.1 GB');
});
