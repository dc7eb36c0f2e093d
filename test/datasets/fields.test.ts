import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../shared/core/errors.ts';
import { evenRuns } from '../../shared/datasets/field-reader.ts';
import { pdebench } from '../../shared/datasets/fields.ts';
import { openFields } from '../../shared/datasets/open-fields.ts';
import type { FieldValues, Trajectories } from '../../shared/datasets/trajectories.ts';
import { fixturePath, readJsonFixture } from '../support/fixtures.ts';
import { counting, writeHdf5 } from '../support/hdf5.ts';

const advection = fixturePath('data', 'pde_1d.hdf5');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pdebench-'));
});
afterAll(() => rm(folder, { recursive: true }));

const config = (settings: object = {}) =>
  pdebench.configSchema.parse({ format: 'pdebench', path: 'unused.hdf5', ...settings });
type Read = Trajectories & FieldValues;

/** The data, and all of their values. */
async function open(path: string, settings: object = {}, seed = 1): Promise<Read> {
  const data = await openFields(pdebench, config(settings), path, { seed });
  const all = await data.read(data.rows.map((_, index) => index));
  return Object.assign({}, data, all);
}
const small = { window: 1 };

async function refusal(path: string, settings: object = {}): Promise<string> {
  const error: unknown = await open(path, settings).then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

function at({ shape, values }: { shape: readonly number[]; values: Float32Array }, ...indices: number[]): number {
  expect(indices.length).toBe(shape.length);
  return values[indices.reduce((offset, index, axis) => offset * shape[axis]! + index, 0)]!;
}

describe('a 1-D file', () => {
  interface Expected {
    tensor_shape: number[];
    tensor_sum_f64: number;
    tensor_min: number;
    tensor_max: number;
    probes: { index: [number, number, number]; value: number }[];
  }
  let data: Read;
  let expected: Expected;
  beforeAll(async () => {
    data = await open(advection);
    expected = await readJsonFixture<Expected>('data', 'pde_1d.json');
  });

  it('becomes [samples, x, time, 1] with every value in its place', () => {
    expect(data.shape).toEqual([64, 64, 41, 1]);
    for (const { index, value } of expected.probes) {
      const [sample, time, x] = index;
      expect(at(data, sample, x, time, 0)).toBe(value);
    }
    const total = data.values.reduce((sum, value) => sum + value, 0);
    const size = data.values.reduce((sum, value) => sum + Math.abs(value), 0);
    expect(Math.abs(total - expected.tensor_sum_f64)).toBeLessThan(1e-6 * size);
    expect(data.values.reduce((a, b) => Math.min(a, b))).toBe(expected.tensor_min);
    expect(data.values.reduce((a, b) => Math.max(a, b))).toBe(expected.tensor_max);
  });

  it('brings the x-coordinate as its grid, and names channel and rows', () => {
    expect(data.grid.shape).toEqual([64, 1]);
    expect([data.grid.values[0], data.grid.values[63]]).toEqual([0.0078125, 0.9921875]);
    expect(data.channels).toEqual(['tensor']);
    expect(data.rows).toEqual(Array.from({ length: 64 }, (_, row) => row));
  });

  it('is sub-sampled in space, time and samples', async () => {
    const part = await open(advection, { subsample: { space: 4, time: 2, samples: 3 }, samples: 5 });
    expect(part.shape).toEqual([5, 16, 21, 1]);
    expect(part.rows).toEqual([0, 3, 6, 9, 12]);
    expect(part.grid.shape).toEqual([16, 1]);
    expect(part.grid.values[3]).toBe(data.grid.values[12]);
    expect(at(part, 4, 7, 20, 0)).toBe(at(data, 12, 28, 40, 0));
  });

  it('keeps the window and the roll-out asked for, from the first time step', async () => {
    const part = await open(advection, { samples: 2, window: 4, rolloutSteps: 3 });
    expect(part.shape).toEqual([2, 64, 7, 1]);
    expect(at(part, 1, 5, 6, 0)).toBe(at(data, 1, 5, 6, 0));
  });

  it('has its random samples chosen by the seed', async () => {
    const chosen = (seed: number) => open(advection, { samples: 6, choose: 'random' }, seed);
    const [one, again, other] = await Promise.all([chosen(1), chosen(1), chosen(2)]);
    expect([one.rows, one.values]).toEqual([again.rows, again.values]);
    expect(one.rows).not.toEqual(other.rows);
    expect(new Set(one.rows).size).toBe(6);
    for (const [position, row] of one.rows.entries()) expect(at(one, position, 9, 9, 0)).toBe(at(data, row, 9, 9, 0));
  });
});

describe('layouts', () => {
  const line = { 'x-coordinate': counting([3]) };
  const plane = { ...line, 'y-coordinate': counting([2]) };

  it('takes [N, T, X, Y] as 2-D where there is a y-coordinate', async () => {
    const path = await writeHdf5(join(folder, 'plane.h5'), { tensor: counting([2, 4, 3, 2]), ...plane });
    const data = await open(path, small);
    expect(data.shape).toEqual([2, 3, 2, 4, 1]);
    expect(at(data, 1, 2, 0, 3, 0)).toBe(((1 * 4 + 3) * 3 + 2) * 2 + 0);
    expect(data.grid.shape).toEqual([3, 2, 2]);
    expect([at(data.grid, 2, 1, 0), at(data.grid, 2, 1, 1)]).toEqual([2, 1]);
  });

  it('takes [N, T, X, C] as 1-D with channels where there is only an x-coordinate', async () => {
    const path = await writeHdf5(join(folder, 'line-channels.h5'), { tensor: counting([2, 4, 3, 2]), ...line });
    const data = await open(path, small);
    expect(data.shape).toEqual([2, 3, 4, 2]);
    expect(data.channels).toEqual(['tensor.0', 'tensor.1']);
    expect(at(data, 1, 2, 3, 1)).toBe(((1 * 4 + 3) * 3 + 2) * 2 + 1);
  });

  it('takes [N, T, X, Y, C] as 2-D with channels', async () => {
    const path = await writeHdf5(join(folder, 'plane-channels.h5'), { tensor: counting([2, 4, 3, 2, 5]), ...plane });
    const data = await open(path, { ...small, subsample: { space: 2 } });
    expect(data.shape).toEqual([2, 2, 1, 4, 5]);
    expect(at(data, 1, 1, 0, 3, 4)).toBe((((1 * 4 + 3) * 3 + 2) * 2 + 0) * 5 + 4);
  });

  it('refuses rank 4 without coordinates as ambiguous', async () => {
    const path = await writeHdf5(join(folder, 'ambiguous.h5'), { tensor: counting([2, 4, 3, 2]) });
    expect(await refusal(path, small)).toMatch(
      /dataset "tensor": has 4 axes \[2, 4, 3, 2\], which may be \[samples, time, x, channels\] or \[samples, time, x, y\] \(no coordinates\)\n.*dataset\.axes/,
    );
  });

  it('stacks named arrays as channels in the order given', async () => {
    const path = await writeHdf5(join(folder, 'named.h5'), {
      density: counting([2, 4, 3, 2]),
      'group/Vx': { data: new Float32Array(48).fill(-1), shape: [2, 4, 3, 2] },
      ...plane,
    });
    const data = await open(path, { ...small, channels: ['group/Vx', 'density'] });
    expect(data.shape).toEqual([2, 3, 2, 4, 2]);
    expect(data.channels).toEqual(['group/Vx', 'density']);
    expect([at(data, 1, 2, 1, 3, 0), at(data, 1, 2, 1, 3, 1)]).toEqual([-1, 47]);
  });

  it('puts uniform cell centres where coordinates are absent', async () => {
    const path = await writeHdf5(join(folder, 'bare.h5'), { tensor: counting([2, 4, 8]) });
    const data = await open(path, { ...small, subsample: { space: 2 } });
    expect([...data.grid.values]).toEqual([0.0625, 0.3125, 0.5625, 0.8125]);
  });

  it('converts float64 and integers, compressed or not', async () => {
    const values = Array.from({ length: 24 }, (_, index) => index);
    const path = await writeHdf5(join(folder, 'types.h5'), {
      double: { data: Float64Array.from(values), shape: [2, 4, 3], chunks: [1, 2, 3] },
      integer: { data: BigInt64Array.from(values, BigInt), shape: [2, 4, 3] },
    });
    const data = await open(path, { ...small, channels: ['double', 'integer'] });
    expect([at(data, 1, 2, 3, 0), at(data, 1, 2, 3, 1)]).toEqual([23, 23]);
  });
});

describe('evenRuns', () => {
  it('covers every row once, in order, in runs no longer than allowed', () => {
    const rows = fc.uniqueArray(fc.nat(200), { maxLength: 60 }).map((list) => list.toSorted((a, b) => a - b));
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 8 }), (wanted, longest) => {
        const runs = evenRuns(wanted, longest);
        const covered = runs.flatMap(({ range }) =>
          Array.from({ length: range.count }, (_, index) => range.start + index * range.stride),
        );
        expect(covered).toEqual(wanted);
        for (const { position, range } of runs) {
          expect(range.count).toBeLessThanOrEqual(longest);
          expect(wanted[position]).toBe(range.start);
        }
      }),
      { seed: 1 },
    );
  });
});

describe('the settings', () => {
  it('refuse both a key and channels, and a channel named twice', () => {
    expect(() => config({ key: 'tensor', channels: ['u'] })).toThrow(/either `key` or `channels`/);
    expect(() => config({ channels: ['u', 'u'] })).toThrow(/same array twice/);
  });
});

describe('bad input is refused', () => {
  it('when the file is missing, empty, a folder or not HDF5', async () => {
    const empty = join(folder, 'empty.h5');
    const text = join(folder, 'text.h5');
    await writeFile(empty, '');
    await writeFile(text, 'u,x,t\n1,2,3\n');
    expect(await refusal(join(folder, 'missing.h5'))).toMatch(/missing\.h5: there is no such file\n.*dataset\.path/);
    expect(await refusal(empty)).toMatch(/empty\.h5: is empty \(0 bytes\)/);
    expect(await refusal(folder)).toMatch(/can't be read as|Zarr/);
    expect(await refusal(text)).toMatch(/text\.h5: is none of the formats/);
  });

  it('when the file is cut off, without noise on stderr', async () => {
    const noise = vi.spyOn(console, 'error');
    const stderr = vi.spyOn(process.stderr, 'write');
    const path = join(folder, 'cut.h5');
    await writeFile(path, (await readFile(advection)).subarray(0, 300_000));
    expect(await refusal(path)).toMatch(/cut\.h5: is cut off: it has 300000 of its 674212 bytes\n.*Fetch/);
    expect(noise).not.toHaveBeenCalled();
    expect(stderr).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  it('when compressed data is damaged', async () => {
    const path = await writeHdf5(join(folder, 'damaged.h5'), {
      tensor: { ...counting([2, 40, 64]), chunks: [1, 40, 64] },
    });
    const bytes = await readFile(path);
    bytes.fill(0xa5, bytes.length - 2000);
    await writeFile(path, bytes);
    expect(await refusal(path)).toMatch(/array "tensor" \[2, 40, 64\] can't be read: .*\n.*damaged/);
  });

  it('when the dataset has another name, with those there are', async () => {
    expect(await refusal(advection, { key: 'tensors' })).toMatch(
      /has no array "tensors"\n.*did you mean "tensor"\? It has: t-coordinate, tensor, x-coordinate\./,
    );
    expect(await refusal(advection, { channels: ['tensor', 'Vx'] })).toMatch(/has no array "Vx"/);
    const path = await writeHdf5(join(folder, 'none.h5'), {});
    expect(await refusal(path)).toMatch(/It holds no array of numbers at all/);
  });

  it('when the dataset holds text, or is a group', async () => {
    const path = await writeHdf5(join(folder, 'text-dataset.h5'), {
      tensor: { data: ['a', 'b'] },
      'group/tensor': counting([2, 4, 3]),
    });
    expect(await refusal(path, { key: 'tensor' })).toMatch(/array "tensor" doesn't hold numbers/);
    expect(await refusal(path, { key: 'group' })).toMatch(/has no array "group"\n.*group\/tensor/);
  });

  it('when the array has another rank or no values', async () => {
    const path = await writeHdf5(join(folder, 'ranks.h5'), {
      flat: counting([4, 3]),
      deep: counting([1, 2, 2, 2, 2, 2, 2]),
      hollow: { data: new Float32Array(0), shape: [0, 4, 3] },
      plane: counting([2, 4, 3, 2]),
      volume: counting([2, 4, 3, 2, 2]),
      other: counting([2, 4, 2, 3]),
    });
    expect(await refusal(path, { key: 'flat' })).toMatch(
      /dataset "flat": has 2 axes \[4, 3\] \(no coordinates\)\n.*\[samples, time, x\]/,
    );
    expect(await refusal(path, { key: 'deep' })).toMatch(/has 7 axes/);
    expect(await refusal(path, { key: 'hollow' })).toMatch(/holds no values: its shape is \[0, 4, 3\]/);
    expect(await refusal(path, { channels: ['volume'] })).toMatch(/has 5 axes/);
    expect(await refusal(path, { ...small, channels: ['plane', 'other'] })).toMatch(
      /channels differ in shape: "plane" is \[2, 4, 3, 2\], "other" \[2, 4, 2, 3\]/,
    );
  });

  it('when a coordinate does not fit its axis or is not a list of finite numbers', async () => {
    const tensor = counting([2, 4, 3]);
    const longer = await writeHdf5(join(folder, 'longer.h5'), { tensor, 'x-coordinate': counting([4]) });
    const square = await writeHdf5(join(folder, 'square.h5'), { tensor, 'x-coordinate': counting([3, 1]) });
    const holed = await writeHdf5(join(folder, 'holed.h5'), {
      tensor,
      'x-coordinate': { data: Float32Array.of(0, Number.NaN, 1) },
    });
    expect(await refusal(longer, small)).toMatch(/x axis has 3 points .* but "x-coordinate" has 4/);
    expect(await refusal(square, small)).toMatch(/"x-coordinate": has 2 axes/);
    expect(await refusal(holed, small)).toMatch(/coordinate 1 is NaN/);
  });

  it('when values are NaN or infinite, with their places in the file', async () => {
    const tensor = counting([6, 8, 10]);
    const put = (row: number, time: number, x: number, value: number) => {
      tensor.data[(row * 8 + time) * 10 + x] = value;
    };
    put(2, 4, 6, Number.NaN);
    put(4, 0, 0, Number.POSITIVE_INFINITY);
    for (const x of [2, 4, 8]) put(4, 6, x, Number.NaN);
    put(3, 3, 3, Number.NaN);
    const path = await writeHdf5(join(folder, 'holes.h5'), { tensor });
    const message = await refusal(path, { ...small, subsample: { space: 2, time: 2, samples: 2 } });
    expect(message).toContain('5 of the 60 values read are not finite');
    expect(message).toContain('sample row 2, time step 4, position [6], channel tensor: NaN');
    expect(message).toContain('sample row 4, time step 0, position [0], channel tensor: Infinity');
    expect(message).toContain('and 2 more');
    expect(message).not.toContain('row 3,');
  });

  it('when more samples are asked for than there are', async () => {
    expect(await refusal(advection, { samples: 65 })).toMatch(/has 64 samples, 65 were asked for\n.*at most 64/);
    expect(await refusal(advection, { samples: 33, subsample: { samples: 2 } })).toMatch(
      /has 32 samples \(every 2 of 64\), 33 were asked for/,
    );
  });

  it('when there are too few time steps for window and roll-out, with what would fit', async () => {
    expect(await refusal(advection, { window: 10, rolloutSteps: 20, subsample: { time: 2 } })).toMatch(
      /has 21 time steps \(every 2 of 41\), too few for a window of 10 and a roll-out of 20\n.*a roll-out of 11 fits this window; a window of 1 fits this roll-out; `subsample.time` of 1 leaves enough/,
    );
    expect(await refusal(advection, { window: 41 })).toMatch(
      /has 41 time steps, too few for a window of 41 and at least 1 predicted step\n.*a window of 40 fits/,
    );
  });

  it('when the spatial stride is larger than the grid', async () => {
    expect(await refusal(advection, { subsample: { space: 65 } })).toMatch(
      /x axis has 64 points, fewer than `subsample.space` \(65\)\n.*at most 32/,
    );
  });
});
