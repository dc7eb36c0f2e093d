import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registry } from 'zarrita';
import { bytesPerNumber, type NumberType } from '../../../shared/datasets/arrays/number-types.ts';
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
import { v2, v2Key, v3, v3Key, type WrittenZarr, writeZarr } from '../../support/zarr.ts';

let folder: string;
/** Zarrita's own compression, which the readers replace by one that only decompresses. */
const own: Record<string, (bytes: Uint8Array) => Promise<Uint8Array>> = {};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zarr-'));
  for (const name of ['blosc', 'lz4'] as const) {
    const codec = (await registry.get(name)!()) as unknown as {
      fromConfig(configuration: object): { encode(bytes: Uint8Array): Promise<Uint8Array> };
    };
    own[name] = (bytes) => codec.fromConfig(blosc).encode(bytes);
  }
});
afterAll(() => rm(folder, { recursive: true }));

const blosc = { cname: 'zstd', clevel: 5, shuffle: 1, blocksize: 0 };

function bytesOf(type: NumberType, index: number, littleEndian = true): Uint8Array {
  const value = fixtureValues(type)[index]!;
  const view = new DataView(new ArrayBuffer(8));
  const write: Record<NumberType, () => void> = {
    bool: () => view.setUint8(0, value),
    int8: () => view.setInt8(0, value),
    uint8: () => view.setUint8(0, value),
    int16: () => view.setInt16(0, value, littleEndian),
    uint16: () => view.setUint16(0, value, littleEndian),
    int32: () => view.setInt32(0, value, littleEndian),
    uint32: () => view.setUint32(0, value, littleEndian),
    float32: () => view.setFloat32(0, value, littleEndian),
    float64: () => view.setFloat64(0, value, littleEndian),
    int64: () => view.setBigInt64(0, BigInt(value), littleEndian),
    uint64: () => view.setBigUint64(0, BigInt(value), littleEndian),
    float16: () => view.setUint16(0, halfBits(value), littleEndian),
  };
  write[type]();
  return new Uint8Array(view.buffer, 0, bytesPerNumber[type]);
}

/** The bits of a normal number that 16 bits hold exactly. */
function halfBits(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | ((Math.abs(value) / 2 ** exponent - 1) * 1024);
}

const arrayOf = (type: NumberType, others: Partial<WrittenZarr> = {}): WrittenZarr => ({
  shape: fixtureShape,
  chunk: [2, 3, 5],
  element: (index) => bytesOf(type, index),
  ...others,
});

async function expectFixture(path: string, type: string) {
  await withArrayFile(path, async (file) => {
    const array = file.array('array');
    expect([array.shape, array.type]).toEqual([fixtureShape, type]);
    expect(await readWhole(array)).toEqual(fixtureValues(type));
    expect([...(await array.read(someRanges))]).toEqual(selected(fixtureValues(type), fixtureShape, someRanges));
  });
}

const typesOfV2 = {
  bool: '|b1',
  int8: '|i1',
  uint8: '|u1',
  int16: '<i2',
  uint16: '<u2',
  int32: '<i4',
  uint32: '<u4',
  int64: '<i8',
  uint64: '<u8',
  float16: '<f2',
  float32: '<f4',
  float64: '<f8',
};

describe.each(Object.entries(typesOfV2) as [NumberType, string][])('%s', (type, dtype) => {
  it('is read of version 2', async () => {
    const array = arrayOf(type);
    await expectFixture(
      await writeZarr(join(folder, `v2-${type}`), { '.zarray': v2(array, dtype) }, array, v2Key),
      type,
    );
  });

  it('is read of version 3', async () => {
    const array = arrayOf(type);
    await expectFixture(
      await writeZarr(join(folder, `v3-${type}`), { 'zarr.json': v3(array, type) }, array, v3Key),
      type,
    );
  });
});

describe('version 2', () => {
  it.each([
    ['zlib', { id: 'zlib', level: 1 }, (bytes: Buffer) => deflateSync(bytes)],
    ['gzip', { id: 'gzip', level: 1 }, (bytes: Buffer) => gzipSync(bytes)],
    ['zstd', { id: 'zstd', level: 1 }, (bytes: Buffer) => zstdCompressSync(bytes)],
    ['blosc', { id: 'blosc', ...blosc }, (bytes: Buffer) => own.blosc!(bytes)],
    ['lz4', { id: 'lz4', acceleration: 1 }, (bytes: Buffer) => own.lz4!(bytes)],
  ])('is read when compressed by %s', async (name, compressor, encode) => {
    const array = arrayOf('float32', { encode });
    const metadata = { '.zarray': v2(array, '<f4', { compressor }) };
    await expectFixture(await writeZarr(join(folder, `v2-${name}`), metadata, array, v2Key), 'float32');
  });

  it('is read in column-major order, big-endian, with chunks in folders', async () => {
    const array = arrayOf('float64', { columnMajor: true, element: (index) => bytesOf('float64', index, false) });
    const metadata = { '.zarray': v2(array, '>f8', { order: 'F', dimension_separator: '/' }) };
    await expectFixture(await writeZarr(join(folder, 'v2-order'), metadata, array, (at) => at.join('/')), 'float64');
  });

  it.each<[NumberType, string, unknown, number]>([
    ['float32', '<f4', 'NaN', Number.NaN],
    ['float16', '<f2', 1.5, 1.5],
    ['float32', '<f4', null, 0],
    ['int64', '<i8', 3, 3],
    ['bool', '|b1', true, 1],
  ])('gives the fill value of %s (%s, %s) where there is no chunk', async (type, dtype, fill_value, value) => {
    const array = arrayOf(type, { encode: (bytes, [first]) => (first === 0 ? bytes : undefined) });
    const path = join(folder, `v2-fill-${type}-${fill_value}`);
    await writeZarr(path, { '.zarray': v2(array, dtype, { fill_value }) }, array, v2Key);
    const values = await withArrayFile(path, (file) => readWhole(file.array('array')));
    expect(values.slice(40)).toEqual(Array(20).fill(value));
    expect(values.slice(0, 40)).toEqual(fixtureValues(type).slice(0, 40));
  });

  it('has groups, attributes and names of axes', async () => {
    const array = arrayOf('float32');
    const path = join(folder, 'v2-group');
    await mkdir(path);
    await writeFile(join(path, '.zgroup'), '{"zarr_format": 2}');
    await writeFile(join(path, '.zattrs'), '{"title": "made up"}');
    const attributes = { _ARRAY_DIMENSIONS: ['sample', 'time', 'x'], units: 'm' };
    await writeZarr(join(path, 'fields', 'u'), { '.zarray': v2(array, '<f4'), '.zattrs': attributes }, array, v2Key);
    await withArrayFile(path, (file) => {
      expect(file.format).toBe('Zarr v2');
      expect(file.names()).toEqual(['fields/u']);
      expect(file.array('fields/u').axes).toEqual(['sample', 'time', 'x']);
      expect(file.array('fields/u').storedBytes).toBe(4 * 30 * 4);
      expect(file.attributes()).toEqual({ title: 'made up' });
      expect(file.attributes('fields/u')).toEqual(attributes);
    });
    expect(await refusalOfArray(path, 'fields/v')).toContain('did you mean "fields/u"?');
  });
});

describe('version 3', () => {
  it.each([
    ['gzip', { level: 1 }, (bytes: Buffer) => gzipSync(bytes)],
    ['zstd', { level: 1, checksum: false }, (bytes: Buffer) => zstdCompressSync(bytes)],
    ['blosc', { ...blosc, typesize: 4, shuffle: 'shuffle' }, (bytes: Buffer) => own.blosc!(bytes)],
    ['crc32c', undefined, (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(4)])],
  ])('is read when encoded by %s', async (name, configuration, encode) => {
    const array = arrayOf('float32', { encode });
    const codecs = [
      { name: 'bytes', configuration: { endian: 'little' } },
      { name, configuration },
    ];
    const metadata = { 'zarr.json': v3(array, 'float32', { codecs, dimension_names: ['sample', null, 'x'] }) };
    await expectFixture(await writeZarr(join(folder, `v3-${name}`), metadata, array, v3Key), 'float32');
  });

  it('is read transposed and big-endian', async () => {
    const array = arrayOf('float16', { columnMajor: true, element: (index) => bytesOf('float16', index, false) });
    const codecs = [
      { name: 'transpose', configuration: { order: [2, 1, 0] } },
      { name: 'bytes', configuration: { endian: 'big' } },
    ];
    const metadata = { 'zarr.json': v3(array, 'float16', { codecs, dimension_names: ['n', 't', 'x'] }) };
    const path = await writeZarr(join(folder, 'v3-transposed'), metadata, array, v3Key);
    await expectFixture(path, 'float16');
    expect(await withArrayFile(path, (file) => file.array('array').axes)).toEqual(['n', 't', 'x']);
  });

  /** A shard of two parts along the first axis, the second of which was not written. */
  const sharded = (index_location: 'start' | 'end') => {
    const part = 4 * 15;
    const array = arrayOf('float32', {
      encode(bytes) {
        const index = Buffer.alloc(36);
        index.writeBigUInt64LE(0n, 0);
        index.writeBigUInt64LE(BigInt(part), 8);
        index.fill(0xff, 16, 32);
        return Buffer.concat([bytes.subarray(0, part), index]);
      },
    });
    const bytes = { name: 'bytes', configuration: { endian: 'little' } };
    const configuration = {
      chunk_shape: [1, 3, 5],
      codecs: [bytes],
      index_codecs: [bytes, { name: 'crc32c' }],
      index_location,
    };
    const codecs = [{ name: 'sharding_indexed', configuration }];
    return { array, metadata: { 'zarr.json': v3(array, 'float32', { codecs, fill_value: '0x40000000' }) } };
  };

  it('is read from shards, with a fill value in bits', async () => {
    const { array, metadata } = sharded('end');
    const path = await writeZarr(join(folder, 'v3-shards'), metadata, array, v3Key);
    const values = await withArrayFile(path, (file) => readWhole(file.array('array')));
    const expected = fixtureValues('float32').map((value, index) => (index >= 20 && index < 40 ? 2 : value));
    expect(values).toEqual(expected);
  });

  it('is refused where shards begin with their index', async () => {
    const { array, metadata } = sharded('start');
    const path = await writeZarr(join(folder, 'v3-start'), metadata, array, v3Key);
    expect(await refusalOfArray(path, 'array')).toContain('an index at the start of shards is not read');
  });
});

describe('a plain word is said of', () => {
  const array = arrayOf('float32');
  const cases: [what: string, metadata: Record<string, object>, words: string][] = [
    ['texts', { '.zarray': v2(array, '<U8') }, `doesn't hold numbers: it is of type "<U8"`],
    ['complex numbers', { 'zarr.json': v3(array, 'complex64') }, 'it is of type "complex64"'],
    [
      'an unknown codec',
      { '.zarray': v2(array, '<f4', { compressor: { id: 'jpeg2k' } }) },
      "encoded by jpeg2k, which can't be read",
    ],
    [
      'chunks of other axes',
      { '.zarray': v2(array, '<f4', { chunks: [2, 3] }) },
      'its chunks have other axes than the array',
    ],
    ['absurd chunks', { '.zarray': v2(array, '<f4', { chunks: [1e6, 1e6, 5] }) }, 'more than is read at once'],
    [
      'an absurd shape',
      { '.zarray': v2(array, '<f4', { shape: [1e9, 1e9, 5] }) },
      'its shape is [1000000000, 1000000000, 5]',
    ],
    ['missing metadata', {}, 'not in Zarr format'],
  ];
  it.each(cases)('%s', async (what, metadata, words) => {
    const path = await writeZarr(
      join(folder, `refused ${what}`),
      metadata,
      array,
      'zarr.json' in metadata ? v3Key : v2Key,
    );
    expect(await refusalOfArray(path, 'array')).toContain(words);
  });

  it('chunks without metadata in a group', async () => {
    const path = join(folder, 'without');
    await mkdir(path);
    await writeFile(join(path, '.zgroup'), '{"zarr_format": 2}');
    await writeZarr(join(path, 'u'), {}, array, v2Key);
    expect(await refusalOfArray(path, 'u')).toContain('no .zarray or zarr.json beside them');
  });

  it('a chunk that is cut off', async () => {
    const cut = arrayOf('float32', { encode: (bytes, [first]) => (first === 1 ? bytes.subarray(0, 50) : bytes) });
    const path = await writeZarr(join(folder, 'cut'), { '.zarray': v2(cut, '<f4') }, cut, v2Key);
    expect(await refusalOfArray(path, 'array')).toContain('chunk 1.0.0 has 12 numbers in place of 30; it is cut off');
  });

  it('a chunk that inflates to more than it may hold', async () => {
    const bomb = arrayOf('float32', { encode: () => gzipSync(Buffer.alloc(50_000_000)) });
    const metadata = { '.zarray': v2(bomb, '<f4', { compressor: { id: 'gzip' } }) };
    const path = await writeZarr(join(folder, 'bomb'), metadata, bomb, v2Key);
    expect(await refusalOf(withArrayFile(path, (file) => readWhole(file.array('array'))))).toContain("can't be read");
  });
});
