/** Every row of the table in docs/science.md: a file of that layout is read by the settings that stand there. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type FieldDatasetConfig, fieldDatasetSchema, openDataset } from '../../shared/datasets/registry.ts';
import { fixturePath } from '../support/fixtures.ts';
import { counting, writeHdf5 } from '../support/hdf5.ts';
import { v3, v3Key, writeZarr } from '../support/zarr.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'layouts-'));
});
afterAll(() => rm(folder, { recursive: true }));

type Arrays = Parameters<typeof writeHdf5>[1];
let written = 0;
const hdf5 = (arrays: Arrays, attributes = {}) => writeHdf5(join(folder, `${written++}.h5`), arrays, attributes);
const fixture = async (name: string) => fixturePath('data', name);

const x = { 'x-coordinate': counting([5]), 't-coordinate': counting([4]) };
const xy = { ...x, 'y-coordinate': counting([4]) };
const xyz = { ...xy, 'z-coordinate': counting([2]) };
const flow = (names: readonly string[], shape: number[], coordinates: Arrays) =>
  hdf5({ ...Object.fromEntries(names.map((name) => [name, counting(shape)])), ...coordinates });
const variables = ['density', 'pressure', 'Vx', 'Vy', 'Vz'];

const groups = (data: number[], axes: Record<string, number>) =>
  hdf5(
    Object.fromEntries(
      ['0000', '0001'].flatMap((group) => [
        [`${group}/data`, counting(data)],
        ...Object.entries(axes).map(([axis, length]) => [`${group}/grid/${axis}`, counting([length])]),
      ]),
    ),
  );

const well = () =>
  hdf5(
    {
      'dimensions/time': counting([3]),
      'dimensions/x': counting([5]),
      'dimensions/y': counting([4]),
      't0_fields/density': counting([2, 3, 5, 4]),
      't0_fields/depth': counting([5, 4]),
      't1_fields/velocity': counting([2, 3, 5, 4, 2]),
    },
    { '': { n_spatial_dims: 2 }, 't0_fields/depth': { sample_varying: 0, time_varying: 0 } },
  );

const zarr = () => {
  const element = (index: number) => new Uint8Array(Float32Array.of(index).buffer);
  const array = { shape: [2, 5, 3], chunk: [1, 5, 3], element };
  const metadata = { 'zarr.json': v3(array, 'float32', { dimension_names: ['sample', 'x', 'time'] }) };
  return writeZarr(join(folder, 'data.zarr', 'u'), metadata, array, v3Key).then(() => join(folder, 'data.zarr'));
};

/** By the first column: the file, the shape that is read, and the names of what is given. */
const layouts: Record<string, { file: () => Promise<string>; shape: number[]; statics?: string[] }> = {
  '1-D advection, Burgers, reaction-diffusion': {
    file: () => hdf5({ tensor: counting([2, 3, 5]), ...x }),
    shape: [2, 5, 3, 1],
  },
  '1-D compressible flow': { file: () => flow(variables.slice(0, 3), [2, 3, 5], x), shape: [2, 5, 3, 3] },
  '2-D compressible flow': { file: () => flow(variables.slice(0, 4), [2, 3, 5, 4], xy), shape: [2, 5, 4, 3, 4] },
  '3-D compressible flow': { file: () => flow(variables, [2, 3, 5, 4, 2], xyz), shape: [2, 5, 4, 2, 3, 5] },
  'Darcy flow': {
    file: () => hdf5({ nu: counting([2, 5, 4]), tensor: counting([2, 1, 5, 4]), ...xy, 't-coordinate': counting([1]) }),
    shape: [2, 5, 4, 1, 1],
    statics: ['nu'],
  },
  'diffusion-sorption': { file: () => groups([3, 5, 1], { x: 5, t: 3 }), shape: [2, 5, 3, 1] },
  '2-D diffusion-reaction': { file: () => groups([3, 5, 4, 2], { x: 5, y: 4, t: 3 }), shape: [2, 5, 4, 3, 2] },
  'shallow water': { file: () => groups([3, 5, 4, 1], { x: 5, y: 4, t: 3 }), shape: [2, 5, 4, 3, 1] },
  'incompressible flow': {
    file: () =>
      hdf5({
        velocity: counting([2, 3, 5, 4, 2]),
        particles: counting([2, 3, 5, 4, 1]),
        force: counting([2, 5, 4, 2]),
        t: counting([2, 3]),
      }),
    shape: [2, 5, 4, 3, 3],
    statics: ['force.0', 'force.1'],
  },
  'The Well': { file: well, shape: [2, 5, 4, 3, 3] },
  'The Well, with a field of all samples': { file: well, shape: [2, 5, 4, 3, 2], statics: ['t0_fields/depth'] },
  '.npy': { file: () => fixture('fields.npy'), shape: [2, 5, 3, 1] },
  '.npz': { file: () => fixture('fields.npz'), shape: [2, 5, 3, 2] },
  'MATLAB, a static map': { file: () => fixture('burgers_map.mat'), shape: [3, 8, 1, 1], statics: ['a'] },
  'MATLAB, times last': { file: () => fixture('flow.mat'), shape: [2, 5, 4, 3, 1] },
  Zarr: { file: zarr, shape: [2, 5, 3, 1] },
};

const page = await readFile('docs/science.md', 'utf8');
const rows = [...page.matchAll(/^\| (.+?) \| .+ \| `(\{ format: .+\})` \|$/gm)].map(([, name, settings]) => ({
  name: name!,
  settings: parse(settings!) as object,
}));

it('the table has every layout that is tested, and no other', () => {
  expect(rows.map(({ name }) => name)).toEqual(Object.keys(layouts));
});

it.each(rows)('$name', async ({ name, settings }) => {
  const { file, shape, statics } = layouts[name]!;
  const path = await file();
  // The files here have three time steps.
  const config = { window: 2, ...settings, path };
  const parsed: FieldDatasetConfig = fieldDatasetSchema.parse(config);
  const data = await openDataset(parsed, path, { seed: 1 });
  expect(data.shape).toEqual(shape);
  expect(data.statics).toEqual(statics);
  expect(data.notes).toBeUndefined();
  const last = await data.read([shape[0]! - 1]);
  expect(last.values.some((value) => value !== 0)).toBe(true);
});

it('float16 is read', async () => {
  const path = await fixture('f16.hdf5');
  const data = await openDataset(fieldDatasetSchema.parse({ format: 'pdebench', path }), path, { seed: 1 });
  expect(data.shape).toEqual([8, 64, 21, 1]);
  expect((await data.read([3])).values.every(Number.isFinite)).toBe(true);
});
