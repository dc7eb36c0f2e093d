import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UserError } from '../../shared/core/errors.ts';
import { type ByteSource, bufferSource, fileSource } from '../../shared/tensors/byte-source.ts';
import { encodeSafetensors, openSafetensors } from '../../shared/tensors/safetensors.ts';
import { elementCount, type HostTensor } from '../../shared/tensors/tensor.ts';
import { fixturePath } from '../support/fixtures.ts';

/** A file with this header text and this many bytes of data. */
function fileOf(header: unknown, data: Uint8Array | number): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const body = typeof data === 'number' ? new Uint8Array(data) : data;
  const bytes = new Uint8Array(8 + text.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(body, 8 + text.length);
  return bytes;
}

const open = (bytes: Uint8Array) => openSafetensors(bufferSource('weights.safetensors', bytes));

/** Opens a file whose only tensor `x` has these bytes. */
const openOne = (dtype: string, count: number, data: Uint8Array) =>
  open(fileOf({ x: { dtype, shape: [count], data_offsets: [0, data.length] } }, data));

const uint16 = (...words: number[]) => new Uint8Array(Uint16Array.from(words).buffer);

async function refusal(bytes: Uint8Array): Promise<string> {
  const error = await open(bytes).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

describe('reading', () => {
  it('gives names, shapes and types of a file that another program wrote', async () => {
    const file = await openSafetensors(await fileSource(fixturePath('esd', 'weights.safetensors')));
    expect(file.names()).toHaveLength(14);
    expect(file.entry('conv2d_24x16x3x3')).toMatchObject({ dtype: 'F32', shape: [24, 16, 3, 3] });
    const { shape, data } = await file.read('tall_120x56');
    expect(shape).toEqual([120, 56]);
    expect(data).toHaveLength(120 * 56);
    expect(data.every(Number.isFinite)).toBe(true);
  });

  it('gives float64 tensors whole', async () => {
    const file = await openSafetensors(await fileSource(fixturePath('esd', 'eigs.safetensors')));
    const bytes = await readFile(fixturePath('esd', 'eigs.safetensors'));
    for (const name of file.names()) {
      const { data } = await file.readFloat64(name);
      const { start, end } = file.entry(name);
      expect(file.entry(name).dtype).toBe('F64');
      const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
      expect([...data]).toEqual(Array.from(data, (_, index) => view.getFloat64(8 * index, true)));
    }
  });

  it('reads the header and the asked-for tensors only', async () => {
    const whole = new Uint8Array(await readFile(fixturePath('esd', 'weights.safetensors')));
    const ranges: [number, number][] = [];
    const counting: ByteSource = {
      label: 'counted',
      size: whole.length,
      async read(start, end) {
        ranges.push([start, end]);
        return whole.subarray(start, end);
      },
    };
    const file = await openSafetensors(counting);
    const headerEnd = Math.min(...file.names().map((name) => file.entry(name).start));
    expect(ranges).toEqual([
      [0, 8],
      [8, headerEnd],
    ]);
    await file.read('tiny_8x20');
    const { start, end } = file.entry('tiny_8x20');
    expect(ranges.slice(2)).toEqual([[start, end]]);
  });

  it('reads a buffer that lies inside a larger one', async () => {
    const inner = encodeSafetensors(new Map([['x', { shape: [2], data: Float32Array.of(1.5, -2) }]]));
    const pool = Buffer.alloc(inner.length + 13, 0xff);
    pool.set(inner, 13);
    const file = await open(pool.subarray(13));
    expect([...(await file.read('x')).data]).toEqual([1.5, -2]);
  });

  it('keeps metadata apart from tensors', async () => {
    const file = await open(encodeSafetensors(new Map(), { format: 'pt' }));
    expect(file.metadata).toEqual({ format: 'pt' });
    expect(file.names()).toEqual([]);
  });

  it('names the nearest tensor when one is missing', async () => {
    const file = await open(encodeSafetensors(new Map([['fc1.weight', { shape: [1], data: Float32Array.of(1) }]])));
    await expect(file.read('fc1.wieght')).rejects.toThrow('did you mean "fc1.weight"?');
    await expect(file.read('fc1.wieght')).rejects.toBeInstanceOf(UserError);
  });

  it('reads 64-bit whole numbers, as PyTorch counts the batches of a norm', async () => {
    const file = await openOne('I64', 2, new Uint8Array(BigInt64Array.of(13n, -2n).buffer));
    expect([...(await file.read('x')).data]).toEqual([13, -2]);
  });

  it('opens a file with other integer tensors but does not read those as floats', async () => {
    const file = await openOne('U32', 2, new Uint8Array(8));
    expect(file.entry('x').dtype).toBe('U32');
    await expect(file.read('x')).rejects.toThrow('tensor "x" is U32, not a float type');
  });

  it('fails rather than mix two versions of a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tempbalance-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, 'model.safetensors');
    const of = (value: number) => encodeSafetensors(new Map([['x', { shape: [1], data: Float32Array.of(value) }]]));
    await writeFile(path, of(1));
    const file = await openSafetensors(await fileSource(path));
    await writeFile(`${path}.new`, of(2));
    await rename(`${path}.new`, path);
    await expect(file.read('x')).rejects.toThrow('was changed while it was being read');
  });
});

describe('number types', () => {
  const halves: [bits: number, value: number][] = [
    [0x0000, 0],
    [0x8000, -0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x3555, 0.333251953125],
    [0x7bff, 65504],
    [0x0400, 2 ** -14],
    [0x03ff, 1023 * 2 ** -24],
    [0x0001, 2 ** -24],
    [0x8001, -(2 ** -24)],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
    [0x7c01, Number.NaN],
  ];

  it('decodes F16 with subnormals, infinities and NaN', async () => {
    const file = await openOne('F16', halves.length, uint16(...halves.map(([bits]) => bits)));
    const values = halves.map(([, value]) => value);
    expect([...(await file.read('x')).data]).toEqual(values);
    expect([...(await file.readFloat64('x')).data]).toEqual(values);
  });

  it('decodes BF16 as the upper half of a float32', async () => {
    const words = [0x0000, 0x8000, 0x3f80, 0xc000, 0x7f7f, 0x0001, 0x7f80, 0xff80, 0x7fc0];
    const file = await openOne('BF16', words.length, uint16(...words));
    const expected = new Float32Array(Uint32Array.from(words, (word) => word * 2 ** 16).buffer);
    expect([...(await file.read('x')).data]).toEqual([...expected]);
    expect([...(await file.readFloat64('x')).data]).toEqual([...expected]);
  });

  it('decodes F64, rounded to float32 where that is asked for', async () => {
    const values = [0.1, -0, 5e-324, 1.7976931348623157e308, Number.NEGATIVE_INFINITY, Number.NaN];
    const file = await openOne('F64', values.length, new Uint8Array(Float64Array.from(values).buffer));
    expect([...(await file.readFloat64('x')).data]).toEqual(values);
    expect([...(await file.read('x')).data]).toEqual(values.map(Math.fround));
  });

  it('decodes F32 with subnormals, infinities and NaN', async () => {
    const values = [1.401298464324817e-45, -0, Number.POSITIVE_INFINITY, Number.NaN, Math.fround(0.1)];
    const file = await openOne('F32', values.length, new Uint8Array(Float32Array.from(values).buffer));
    expect([...(await file.read('x')).data]).toEqual(values);
    expect([...(await file.readFloat64('x')).data]).toEqual(values);
  });
});

describe('writing', () => {
  const tensor: fc.Arbitrary<HostTensor> = fc
    .array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 })
    .chain((shape) =>
      fc
        .float32Array({ minLength: elementCount(shape), maxLength: elementCount(shape) })
        .map((data) => ({ shape, data })),
    );
  const names = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('__proto__', 'constructor', 'fc1.weight', '0', '10', 'toString'),
  );
  const tensorsByName = fc
    .array(fc.tuple(names, tensor), { maxLength: 6 })
    .map((entries) => new Map(entries.filter(([name]) => name !== '__metadata__')));

  it('is undone by reading, bit for bit, whatever the names and shapes', async () => {
    await fc.assert(
      fc.asyncProperty(tensorsByName, async (tensors) => {
        const file = await open(encodeSafetensors(tensors, { format: 'pt' }));
        const read = await file.readAll();
        expect(new Set(read.keys())).toEqual(new Set(tensors.keys()));
        for (const [name, { shape, data }] of tensors) {
          expect(read.get(name)!.shape).toEqual(shape);
          expect(read.get(name)!.data).toEqual(data);
        }
      }),
    );
  });

  it('aligns the data to eight bytes', async () => {
    await fc.assert(
      fc.asyncProperty(tensorsByName, async (tensors) => {
        const file = await open(encodeSafetensors(tensors));
        const starts = file.names().map((name) => file.entry(name).start);
        if (starts.length > 0) expect(Math.min(...starts) % 8).toBe(0);
      }),
    );
  });

  it('refuses values that do not fill the shape, and the reserved name', () => {
    const encode = (name: string, shape: number[]) => () =>
      encodeSafetensors(new Map([[name, { shape, data: Float32Array.of(1) }]]));
    expect(encode('x', [2])).toThrow('x: 1 values for [2]');
    expect(encode('__metadata__', [1])).toThrow("can't be the name of a tensor");
  });
});

describe('a malformed file', () => {
  const f32 = (from: number, to: number, shape = [(to - from) / 4]) => ({
    dtype: 'F32',
    shape,
    data_offsets: [from, to],
  });
  const absurd = fileOf({ x: f32(0, 4) }, 4);
  new DataView(absurd.buffer).setBigUint64(0, 9_000_000_000_000_000n, true);
  const cutInHeader = fileOf({ x: f32(0, 4) }, 4).subarray(0, 30);

  it.each<[what: string, bytes: Uint8Array, message: RegExp | string]>([
    ['is empty', new Uint8Array(0), 'has only 0 bytes, too few for a safetensors header'],
    ['is too short', new Uint8Array(7), 'has only 7 bytes'],
    ['ends in the header', cutInHeader, /header claims \d+ bytes but the file has 30; it is probably cut off/],
    ['claims a header of 9 PB', absurd, /header claims 9000000000000000 bytes but the file has \d+/],
    ['is not JSON', fileOf('{"x": ', 0), 'header is not a JSON object'],
    ['is not text', fileOf('{}', 0).fill(0xff, 8), 'header is not a JSON object'],
    ['has an array for a header', fileOf([], 0), 'header is not a JSON object'],
    ['has null for a header', fileOf('null', 0), 'header is not a JSON object'],
    ['has an entry that is no object', fileOf({ x: 3 }, 0), 'tensor "x"'],
    [
      'has an unknown type',
      fileOf({ x: { dtype: 'F12', shape: [1], data_offsets: [0, 4] } }, 4),
      /tensor "x": header entry dtype: .*F32/,
    ],
    [
      'has a negative offset',
      fileOf({ x: { dtype: 'F32', shape: [1], data_offsets: [-4, 0] } }, 0),
      /tensor "x": header entry data_offsets\.0/,
    ],
    [
      'has a broken offset',
      fileOf({ x: { dtype: 'F32', shape: [1], data_offsets: [0, 4.5] } }, 8),
      /tensor "x": header entry data_offsets\.1/,
    ],
    [
      'has a negative size',
      fileOf({ x: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, 4),
      /tensor "x": header entry shape\.0/,
    ],
    ['has offsets in the wrong order', fileOf({ x: f32(4, 0, [1]) }, 4), 'ends at offset 0, before it starts at 4'],
    [
      'has a shape that does not match the span',
      fileOf({ x: f32(0, 8, [3]) }, 8),
      'tensor "x": F32 [3] needs 12 bytes but its offsets span 8',
    ],
    [
      'has a shape beyond all numbers',
      fileOf({ x: f32(0, 4, Array(30).fill(2 ** 50)) }, 4),
      /needs .* bytes but its offsets span 4/,
    ],
    [
      'ends inside a tensor',
      fileOf({ x: f32(0, 4), y: f32(4, 12) }, 8),
      /tensor "y": ends at byte \d+ but the file has \d+; it is probably cut off/,
    ],
    ['has tensors that overlap', fileOf({ x: f32(0, 8), y: f32(4, 12) }, 12), 'tensors "x" and "y" overlap'],
    ['has two tensors in one place', fileOf({ x: f32(0, 8), y: f32(0, 8) }, 8), 'tensors "x" and "y" overlap'],
    [
      'has a gap between tensors',
      fileOf({ x: f32(0, 4), y: f32(8, 12) }, 12),
      '4 bytes before tensor "y" belong to no tensor',
    ],
    ['has a gap before the first tensor', fileOf({ x: f32(4, 8) }, 8), '4 bytes before tensor "x"'],
    ['has bytes behind the last tensor', fileOf({ x: f32(0, 4) }, 9), 'the last 5 bytes belong to no tensor'],
    ['has an empty tensor inside another', fileOf({ x: f32(0, 8), y: f32(4, 4) }, 8), 'overlap'],
  ])('that %s is refused in plain words', async (_, bytes, message) => {
    const said = await refusal(bytes);
    expect(said).toMatch(message);
    expect(said).toMatch(/^weights\.safetensors: /);
    expect(said).toContain('The file is damaged or not safetensors: fetch or export it again.');
  });

  it('is never taken for a sound one, wherever it is cut off', async () => {
    const whole = fileOf({ x: f32(0, 8), y: f32(8, 20) }, 20);
    for (let length = 0; length < whole.length; length++) await refusal(whole.subarray(0, length));
  });

  it('never makes the reader fail in another way, whatever bytes it holds', async () => {
    const entry = fc.record({
      dtype: fc.constantFrom('F32', 'F64', 'I8', 'Q4'),
      shape: fc.array(fc.oneof(fc.integer({ min: -1, max: 5 }), fc.maxSafeInteger()), { maxLength: 3 }),
      data_offsets: fc.array(fc.oneof(fc.integer({ min: -1, max: 40 }), fc.maxSafeInteger()), { maxLength: 3 }),
    });
    const header = fc.oneof(fc.dictionary(fc.string(), fc.oneof(entry, fc.jsonValue())), fc.jsonValue());
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.tuple(header, fc.nat(40)).map(([content, length]) => fileOf(content, length)),
    );
    await fc.assert(
      fc.asyncProperty(anyBytes, async (bytes) => {
        await open(bytes).catch((error) => expect(error).toBeInstanceOf(UserError));
      }),
    );
  });
});

it('takes empty tensors and scalars', async () => {
  const tensors = new Map([
    ['none', { shape: [0, 3], data: new Float32Array(0) }],
    ['scalar', { shape: [], data: Float32Array.of(7) }],
    ['nothing', { shape: [2, 0], data: new Float32Array(0) }],
  ]);
  const file = await open(encodeSafetensors(tensors));
  expect(await file.readAll()).toEqual(tensors);
});

it('takes a tensor named __proto__ without disturbing any other', async () => {
  const tensors = new Map([
    ['__proto__', { shape: [1], data: Float32Array.of(1) }],
    ['x', { shape: [1], data: Float32Array.of(2) }],
  ]);
  const file = await open(encodeSafetensors(tensors));
  expect(file.names()).toEqual(['__proto__', 'x']);
  expect((await file.read('__proto__')).data[0]).toBe(1);
  await expect(file.read('toString')).rejects.toThrow('has no tensor "toString"');
});
