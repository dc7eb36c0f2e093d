/** Every family of PDEBench, The Well, and what else docs/science.md lists. */
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TooLargeError, UserError } from '../../shared/core/errors.ts';
import { fieldDatasetSchema, openDataset, openHeldData } from '../../shared/datasets/registry.ts';
import type { Trajectories } from '../../shared/datasets/trajectories.ts';
import { fixturePath } from '../support/fixtures.ts';
import { counting, writeHdf5 } from '../support/hdf5.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fields-'));
});
afterAll(() => rm(folder, { recursive: true }));

type Arrays = Parameters<typeof writeHdf5>[1];

const parsed = (settings: object) =>
  fieldDatasetSchema.parse({ format: 'fields', path: 'unused', window: 1, ...settings });

let written = 0;
async function open(arrays: Arrays, settings: object = {}, attributes = {}): Promise<Trajectories> {
  const path = await writeHdf5(join(folder, `file-${written++}.h5`), arrays, attributes);
  return openDataset(parsed(settings), path, { seed: 1 });
}

/** One value of `[samples, ...space, time, channels]`, or of the static fields `[samples, ...space, statics]`. */
async function at(data: Trajectories, kind: 'values' | 'statics', ...indices: number[]): Promise<number> {
  const [sample, ...others] = indices as [number, ...number[]];
  const fields = (await data.read([sample]))[kind];
  const sizes = kind === 'values' ? data.shape.slice(1) : [...data.shape.slice(1, -2), data.statics!.length];
  expect(others.length).toBe(sizes.length);
  return fields[others.reduce((offset, index, axis) => offset * sizes[axis]! + index, 0)]!;
}

/** The row-major place of an element of a shape, which is its value in `counting`. */
const placeIn = (shape: readonly number[], ...indices: number[]) =>
  indices.reduce((offset, index, axis) => offset * shape[axis]! + index, 0);

const x = { 'x-coordinate': counting([5]) };
const xy = { ...x, 'y-coordinate': counting([4]) };
const xyz = { ...xy, 'z-coordinate': counting([2]) };
const times = { 't-coordinate': counting([4]) };

describe('PDEBench', () => {
  it('advection, Burgers, reaction-diffusion: tensor [n, t, x], t-coordinate with an entry more', async () => {
    const data = await open({ tensor: counting([2, 3, 5]), ...x, ...times });
    expect(data).toMatchObject({ shape: [2, 5, 3, 1], channels: ['tensor'] });
    expect(await at(data, 'values', 1, 4, 2, 0)).toBe(placeIn([2, 3, 5], 1, 2, 4));
    expect(data.axes).toEqual([{ name: 'x', values: Float32Array.of(0, 1, 2, 3, 4), inFile: true }]);
    expect(data.times).toEqual(Float32Array.of(0, 1, 2));
  });

  it('coordinates and times of what is read, and middles of cells where the file has none', async () => {
    const settings = { subsample: { space: 2, time: 2 }, rolloutSteps: 1 };
    const data = await open({ tensor: counting([2, 7, 5]), ...x, 't-coordinate': counting([8]) }, settings);
    expect(data.axes![0]!.values).toEqual(Float32Array.of(0, 2, 4));
    expect(data.times).toEqual(Float32Array.of(0, 2));
    const without = await open({ tensor: counting([2, 7, 5]) }, settings);
    expect(without.axes).toEqual([{ name: 'x', values: Float32Array.of(0.1, 0.5, 0.9), inFile: false }]);
    expect(without.times).toBeUndefined();
  });

  it.each([
    ['1-D', [2, 3, 5], x, [2, 5, 3, 2]],
    ['2-D', [2, 3, 5, 4], xy, [2, 5, 4, 3, 2]],
    ['3-D', [2, 3, 5, 4, 2], xyz, [2, 5, 4, 2, 3, 2]],
  ] as const)('compressible flow in %s: an array for each variable', async (_, stored, coordinates, shape) => {
    const density = counting([...stored]);
    const pressure = { data: density.data.map((value) => -value), shape: [...stored] };
    const data = await open({ density, pressure, ...coordinates, ...times }, { channels: ['density', 'pressure'] });
    expect(data).toMatchObject({
      shape,
      channels: ['density', 'pressure'],
      grid: { shape: [...shape.slice(1, -2), stored.length - 2] },
    });
    const last = stored.map((size) => size - 1);
    const place = placeIn(stored, ...last);
    expect(await at(data, 'values', last[0]!, ...last.slice(2), last[1]!, 0)).toBe(place);
    expect(await at(data, 'values', last[0]!, ...last.slice(2), last[1]!, 1)).toBe(-place);
  });

  it('Darcy flow: nu [n, x, y] to tensor [n, 1, x, y], a static map without more being said', async () => {
    const arrays = { nu: counting([3, 5, 4]), tensor: counting([3, 1, 5, 4]), ...xy, 't-coordinate': counting([1]) };
    const data = await open(arrays, { window: 10 });
    expect(data).toMatchObject({ shape: [3, 5, 4, 1, 1], channels: ['tensor'], statics: ['nu'] });
    expect(await at(data, 'statics', 2, 3, 1, 0)).toBe(placeIn([3, 5, 4], 2, 3, 1));
    const said = await open(arrays, { window: 0, inputs: ['nu'], subsample: { space: [2, 3] } });
    expect(said.shape).toEqual([3, 3, 2, 1, 1]);
    expect(await at(said, 'statics', 2, 1, 1, 0)).toBe(placeIn([3, 5, 4], 2, 2, 3));
  });

  it('diffusion-sorption: a group a sample, data [t, x, 1] and grid', async () => {
    const group = { data: counting([3, 5, 1]), 'grid/x': counting([5]), 'grid/t': counting([3]) };
    const arrays = Object.fromEntries(
      ['0000', '0001', '0002'].flatMap((name) =>
        Object.entries(group).map(([key, array]) => [`${name}/${key}`, array]),
      ),
    );
    const data = await open(arrays, { samples: 2 });
    expect(data).toMatchObject({ shape: [2, 5, 3, 1], channels: ['data.0'], rows: [0, 1] });
    expect(data.grid.values[4]).toBe(4);
    expect(await at(data, 'values', 1, 4, 2, 0)).toBe(placeIn([3, 5, 1], 2, 4, 0));
  });

  it('diffusion-reaction and shallow water in 2-D: groups in the order of their numbers, their channels last', async () => {
    const group = (sample: number) => ({
      [`000${sample}/data`]: { data: new Float32Array(3 * 5 * 4 * 2).fill(sample), shape: [3, 5, 4, 2] },
      [`000${sample}/grid/x`]: counting([5]),
      [`000${sample}/grid/y`]: counting([4]),
      [`000${sample}/grid/t`]: counting([3]),
    });
    const data = await open({ ...group(2), ...group(0), ...group(1) });
    expect(data).toMatchObject({ shape: [3, 5, 4, 3, 2], channels: ['data.0', 'data.1'] });
    for (const sample of [0, 1, 2]) expect(await at(data, 'values', sample, 0, 3, 2, 1)).toBe(sample);
  });

  it('groups of another shape are refused by name', async () => {
    const arrays = {
      '0000/data': counting([3, 5, 1]),
      '0000/grid/x': counting([5]),
      '0001/data': counting([3, 6, 1]),
      '0001/grid/x': counting([6]),
    };
    await expect(open(arrays)).rejects.toThrow(/dataset "0001\/data": is \[3, 6, 1\], and the others are \[3, 5, 1\]/);
  });

  it('incompressible flow: fields of unlike rank, a force that is given, and times of each sample', async () => {
    const arrays = {
      velocity: counting([2, 3, 5, 4, 2]),
      particles: counting([2, 3, 5, 4, 1]),
      force: counting([2, 5, 4, 2]),
      t: counting([2, 3]),
    };
    const data = await open(arrays, { channels: ['particles', 'velocity'], inputs: ['force'] });
    expect(data).toMatchObject({
      shape: [2, 5, 4, 3, 3],
      channels: ['particles.0', 'velocity.0', 'velocity.1'],
      statics: ['force.0', 'force.1'],
    });
    expect(await at(data, 'values', 1, 4, 3, 2, 2)).toBe(placeIn([2, 3, 5, 4, 2], 1, 2, 4, 3, 1));
    expect(await at(data, 'statics', 1, 2, 3, 1)).toBe(placeIn([2, 5, 4, 2], 1, 2, 3, 1));
    // One field alone: that another differs in its last axis shows that this is one of channels.
    expect((await open(arrays, { key: 'velocity' })).shape).toEqual([2, 5, 4, 3, 2]);
  });
});

describe('The Well', () => {
  const grid = { 'dimensions/time': counting([3]), 'dimensions/x': counting([5]), 'dimensions/y': counting([4]) };
  const fields = {
    't0_fields/density': counting([2, 3, 5, 4]),
    't0_fields/depth': counting([5, 4]),
    't1_fields/velocity': counting([2, 3, 5, 4, 2]),
    't2_fields/stress': counting([2, 3, 5, 4, 2, 2]),
  };
  const attributes = { '': { n_spatial_dims: 2 }, 't0_fields/depth': { sample_varying: 0, time_varying: 0 } };

  it('has scalars, vectors and tensors, whose groups need not be said', async () => {
    const channels = ['density', 'velocity', 'stress'];
    const data = await open({ ...grid, ...fields }, { channels }, attributes);
    expect(data.shape).toEqual([2, 5, 4, 3, 7]);
    expect(data.channels.slice(0, 3)).toEqual(['t0_fields/density', 't1_fields/velocity.0', 't1_fields/velocity.1']);
    expect(await at(data, 'values', 1, 4, 3, 2, 0)).toBe(placeIn([2, 3, 5, 4], 1, 2, 4, 3));
    expect(await at(data, 'values', 1, 4, 3, 2, 5)).toBe(placeIn([2, 3, 5, 4, 2, 2], 1, 2, 4, 3, 1, 0));
    expect((await open({ ...grid, ...fields }, { key: 'stress' }, attributes)).channels).toHaveLength(4);
  });

  it('has fields that all samples share, as inputs', async () => {
    const data = await open({ ...grid, ...fields }, { key: 'velocity', inputs: ['depth'] }, attributes);
    expect(data).toMatchObject({ shape: [2, 5, 4, 3, 2], statics: ['t0_fields/depth'] });
    for (const sample of [0, 1]) expect(await at(data, 'statics', sample, 3, 2, 0)).toBe(3 * 4 + 2);
  });
});

describe('axes', () => {
  it('in another order are read as the settings say', async () => {
    const stored = [2, 3, 2, 5, 4];
    const data = await open({ tensor: counting(stored) }, { axes: ['samples', 'time', 'channels', 'x', 'y'] });
    expect(data.shape).toEqual([2, 5, 4, 3, 2]);
    expect(await at(data, 'values', 1, 4, 3, 2, 1)).toBe(placeIn(stored, 1, 2, 1, 4, 3));
  });

  it('may have the samples last, and space from y to x', async () => {
    const stored = [4, 5, 3, 2];
    const data = await open({ u: counting(stored) }, { key: 'u', axes: ['y', 'x', 'time', 'samples'] });
    expect(data.shape).toEqual([2, 5, 4, 3, 1]);
    expect(await at(data, 'values', 1, 4, 3, 2, 0)).toBe(placeIn(stored, 3, 4, 2, 1));
  });

  it('are said by array where arrays differ', async () => {
    const axes = { u: ['samples', 'x', 'time'], a: ['x', 'samples'] };
    const data = await open({ u: counting([2, 5, 3]), a: counting([5, 2]) }, { key: 'u', inputs: ['a'], axes });
    expect(data.shape).toEqual([2, 5, 3, 1]);
    expect(await at(data, 'statics', 1, 4, 0)).toBe(placeIn([5, 2], 4, 1));
  });

  it.each([
    [
      '[n, t, c, x, y] without coordinates',
      [4, 5, 2, 3, 3],
      {},
      /which may be \[samples, time, x, y, channels\] or \[samples, time, x, y, z\] \(no coordinates\)\n.*dataset\.axes: .*\[samples, time, channels, x, y\]/,
    ],
    ['[n, t, x, y] without coordinates', [4, 5, 3, 3], {}, /which may be .*\n {2}Say which is which in dataset\.axes/],
    [
      'an x axis of another length',
      [4, 5, 3],
      { 'x-coordinate': counting([7]) },
      /x axis has 3 points .* but "x-coordinate" has 7/,
    ],
    [
      '[n, x, t] with coordinates',
      [4, 5, 3],
      { 'x-coordinate': counting([5]) },
      /x axis has 3 points .* has 5\n.*dataset\.axes: \[samples, x, time\]/,
    ],
    [
      'times that do not fit',
      [4, 5, 3],
      { ...{ 'x-coordinate': counting([3]) }, 't-coordinate': counting([9]) },
      /time axis has 5 steps .* but "t-coordinate" has 9/,
    ],
    [
      'a volume with coordinates of a line',
      [4, 5, 3, 3, 3],
      { 'x-coordinate': counting([3]) },
      /has 5 axes \[4, 5, 3, 3, 3\] \(coordinates: "x-coordinate" of 3\)/,
    ],
  ] as const)('are refused: %s', async (_, shape, coordinates, message) => {
    await expect(open({ tensor: counting([...shape]), ...coordinates })).rejects.toThrow(message);
  });

  it('of [n, t, x] without coordinates are a note that names dataset.axes', async () => {
    const { notes } = await open({ tensor: counting([2, 3, 5]) });
    expect(notes).toEqual([
      expect.stringMatching(/\[2, 3, 5\] are taken to be \[samples, time, x\].*dataset\.axes: \[samples, x, time\]$/),
    ]);
    expect((await open({ tensor: counting([2, 3, 5]), ...x })).notes).toBeUndefined();
    expect((await open({ tensor: counting([2, 3, 5]) }, { axes: ['samples', 'time', 'x'] })).notes).toBeUndefined();
  });

  it.each([
    [['samples', 'time'], /has 3 axes \[2, 3, 5\], and dataset\.axes says \[samples, time\]/],
    [['samples', 'time', 'y'], /where x is missing/],
    [['time', 'x', 'channels'], /have no samples/],
    [['samples', 'x', 'x'], /where one comes twice/],
  ])('that are said wrongly are refused: %j', async (axes, message) => {
    await expect(open({ tensor: counting([2, 3, 5]) }, { axes })).rejects.toThrow(message);
  });
});

describe('static maps', () => {
  const map = { u: counting([3, 5, 4]), a: counting([3, 5, 4]), ...xy };

  it('take one array to another of the same axes, with window 0', async () => {
    const data = await open(map, { key: 'u', inputs: ['a'], window: 0 });
    expect(data).toMatchObject({ shape: [3, 5, 4, 1, 1], statics: ['a'] });
  });

  it('are no roll-outs: without inputs, and of more time steps, they are refused', async () => {
    await expect(open(map, { key: 'u', window: 0 })).rejects.toThrow(/nothing is given to the model/);
    const moving = { u: counting([3, 2, 5]), a: counting([3, 5]), ...x };
    await expect(open(moving, { key: 'u', inputs: ['a'], window: 0 })).rejects.toThrow(
      /has 2 time steps, and `dataset.window: 0`/,
    );
    const alone = { tensor: counting([3, 1, 5]), ...x };
    await expect(open(alone)).rejects.toThrow(/has 1 time step, too few.*\n.*dataset\.inputs/);
    const still = { nu: counting([3, 5, 4]), tensor: counting([3, 1, 5, 4]), ...xy, 't-coordinate': counting([1]) };
    await expect(open(still, { key: 'nu' })).rejects.toThrow(/has 1 time step/);
  });

  it('refuse an input that changes with time, or lies on another grid', async () => {
    const arrays = { u: counting([3, 2, 5]), moving: counting([3, 2, 5]), other: counting([3, 6]), ...x };
    await expect(open(arrays, { key: 'u', inputs: ['moving'] })).rejects.toThrow(/changes with time/);
    await expect(open(arrays, { key: 'u', inputs: ['other'] })).rejects.toThrow(/does not lie on the grid/);
  });
});

describe('several files', () => {
  const write = (name: string, first: number, more: Arrays = x) => {
    const tensor = { data: Float32Array.from({ length: 30 }, (_, index) => first + index), shape: [2, 3, 5] };
    return writeHdf5(join(folder, name), { tensor, ...more });
  };

  it('are one data set whose rows count on', async () => {
    const paths = [await write('a.h5', 0), await write('b.h5', 100)];
    const data = await openDataset(parsed({ path: paths, validation: { rows: [2, 2] } }), paths, { seed: 1 });
    expect(data.rows).toEqual([0, 1, 3]);
    expect(await at(data, 'values', 2, 0, 0, 0)).toBe(115);
    const both = await data.read([2, 0]);
    expect([both.values[0], both.values[15]]).toEqual([115, 0]);
  });

  it('of another layout or grid are refused by name', async () => {
    const first = await write('first.h5', 0);
    const other = await writeHdf5(join(folder, 'other.h5'), { tensor: counting([2, 4, 5]), ...x });
    await expect(openDataset(parsed({ path: [first, other] }), [first, other], { seed: 1 })).rejects.toThrow(
      /other\.h5: has 5 points, 4 time steps .*, and .*first\.h5 has 5 points, 3 time steps/,
    );
    const moved = await write('moved.h5', 0, { 'x-coordinate': { data: Float32Array.of(1, 2, 3, 4, 5) } });
    await expect(openDataset(parsed({ path: [first, moved] }), [first, moved], { seed: 1 })).rejects.toThrow(
      /moved\.h5: has other coordinates along x/,
    );
  });
});

describe('rows to validate on', () => {
  const path = fixturePath('data', 'pde_1d.hdf5');
  const settings = (more: object) => parsed({ path, subsample: { space: 8 }, ...more });

  it.each([
    [{ last: 3 }, [61, 62, 63]],
    [{ first: 2 }, [0, 1]],
    [{ rows: [10, 12] }, [10, 11, 12]],
  ])('are the same whatever samples and the seed are: %j', async (validation, rows) => {
    for (const more of [{}, { samples: 4 }, { samples: 8, choose: 'random' }]) {
      const config = settings({ validation, ...more });
      const data = await openDataset(config, path, { seed: 5 });
      expect(data.rows.some((row) => rows.includes(row))).toBe(false);
      expect((await openHeldData('validation', config, path, data)).rows).toEqual(rows);
    }
  });

  it('are taken from those that are not for testing', async () => {
    const config = settings({ validation: { last: 2 }, test: { last: 3 }, samples: 59 });
    const data = await openDataset(config, path, { seed: 1 });
    expect(data.rows).toHaveLength(59);
    expect((await openHeldData('validation', config, path, data)).rows).toEqual([59, 60]);
    await expect(openDataset(settings({ ...config, samples: 60 }), path, { seed: 1 })).rejects.toThrow(
      'has 59 samples besides 3 for testing and 2 for validation, 60 were asked for',
    );
  });

  it('are refused where they are for testing, not there, or all', async () => {
    const opening = (more: object) => openDataset(settings(more), path, { seed: 1 });
    await expect(opening({ validation: { rows: [60, 63] }, test: { last: 2 } })).rejects.toThrow(/takes row 62/);
    await expect(opening({ validation: { rows: [64, 70] } })).rejects.toThrow(/takes row 64, which is not there/);
    await expect(opening({ validation: { first: 64 } })).rejects.toThrow(/leaves none to train on/);
    expect(() => settings({ validation: { first: 1 }, validationPath: 'a' })).toThrow(/not both/);
    expect(() => settings({ validation: { first: 1, last: 1 } })).toThrow(/exactly one/);
    expect(() => settings({ validation: { rows: [3, 1] } })).toThrow(/comes after/);
  });

  it('may be a file of their own', async () => {
    const config = settings({ validationPath: path, samples: 4 });
    const data = await openDataset(config, path, { seed: 1 });
    expect((await openHeldData('validation', config, path, data)).rows).toHaveLength(64);
  });
});

describe('memory', () => {
  it('is that of a batch where the data are larger than what is held, with the same values', async () => {
    const arrays = {
      density: { ...counting([6, 4, 5, 4]), chunks: [2, 4, 5, 4] },
      velocity: counting([6, 4, 5, 4, 2]),
      mask: counting([5, 4]),
      ...xy,
    };
    const path = await writeHdf5(join(folder, 'read.h5'), arrays);
    const config = parsed({ channels: ['density', 'velocity'], inputs: ['mask'], subsample: { time: 2 } });
    const held = await openDataset(config, path, { seed: 1 });
    const read = await openDataset(config, path, { seed: 1, held: 0 });
    for (const samples of [[0, 1, 2, 3, 4, 5], [4, 0, 5], [2]]) {
      expect(await read.read(samples)).toEqual(await held.read(samples));
    }
  });

  it('is refused by its size where one sample does not fit into the memory of the function', async () => {
    const header = `${`{'descr': '<f4', 'fortran_order': False, 'shape': (2, 8000000, 8), }`.padEnd(117)}\n`;
    const head = Buffer.concat([
      Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
      Buffer.from([118, 0]),
      Buffer.from(header),
    ]);
    const path = join(folder, 'large.npy');
    await writeFile(path, head);
    await truncate(path, head.length + 2 * 64e6 * 4);
    vi.stubEnv('AWS_LAMBDA_FUNCTION_MEMORY_SIZE', '512');
    const opened = openDataset(parsed({ axes: ['samples', 'x', 'time'] }), path, { seed: 1 });
    const error = await opened.catch((thrown: unknown) => thrown).finally(() => vi.unstubAllEnvs());
    expect(error).toBeInstanceOf(TooLargeError);
    expect((error as TooLargeError).message).toContain(
      'a sample has 256.0 MB [8000000, 8, 1], which takes 768.0 MB to read, and there are 536.9 MB of memory',
    );
    expect((error as TooLargeError).message).toContain('set functionMemoryMb higher');
  });

  it('is never taken for an array that the file can not hold', async () => {
    const claims = fixturePath('arrays', 'claims_823_GB.hdf5');
    const error = await openDataset(parsed({}), claims, { seed: 1 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toMatch(
      /claims 823\.\d GB \[1000000, 201, 1024\], and the file has [\d.]+ kB for it at most/,
    );
  });
});

describe('other formats', () => {
  it('are read by the same settings: .npy', async () => {
    const header = `${`{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 5), }`.padEnd(117)}\n`;
    const head = Buffer.concat([
      Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
      Buffer.from([118, 0]),
      Buffer.from(header),
    ]);
    const path = join(folder, 'u.npy');
    await writeFile(path, Buffer.concat([head, Buffer.from(counting([2, 3, 5]).data.buffer)]));
    const data = await openDataset(parsed({ axes: ['samples', 'x', 'time'] }), path, { seed: 1 });
    expect(data.shape).toEqual([2, 3, 5, 1]);
    expect(await at(data, 'values', 1, 2, 4, 0)).toBe(29);
  });
});
