import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asTrajectories, generateBurgers, writeBurgers } from '../../../examples/burgers/data.ts';
import { fieldDatasetSchema, openDataset } from '../../../shared/datasets/registry.ts';

const options = { viscosity: 0.05, samples: 3, seed: 5, points: 32, times: 12, duration: 0.5 };
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'burgers-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('generateBurgers', () => {
  it('writes a file that reads back as the same trajectories', async () => {
    const path = join(folder, 'burgers.hdf5');
    const data = generateBurgers(options);
    await writeBurgers(path, data);
    const config = fieldDatasetSchema.parse({ format: 'pdebench', path });
    const { read, summaries, axes, times, ...sizes } = await openDataset(config, path, { seed: 1 });
    const { read: readMade, ...made } = asTrajectories(data);
    expect(summaries).toHaveLength(options.samples);
    expect(sizes).toEqual({ ...made, channels: ['tensor'] });
    expect(axes).toEqual([{ name: 'x', values: data.x, inFile: true }]);
    expect(times).toHaveLength(options.times);
    expect(await read([2, 0])).toEqual(await readMade([2, 0]));
  });

  it('gives a sample that depends on the seed and its number alone', () => {
    const size = options.times * options.points;
    const all = generateBurgers(options).values;
    expect(generateBurgers({ ...options, samples: 2 }).values).toEqual(all.subarray(0, 2 * size));
    expect(generateBurgers({ ...options, seed: 6 }).values).not.toEqual(all);
    expect(all.subarray(0, size)).not.toEqual(all.subarray(size, 2 * size));
  });

  it('samples at the cell centres', () => {
    const coarse = generateBurgers({ ...options, samples: 1, points: 16 });
    expect([...coarse.x.subarray(0, 2)]).toEqual([1 / 32, 3 / 32]);
    const fine = generateBurgers({ ...options, samples: 1, points: 16 * 3, viscosity: options.viscosity });
    expect(fine.x[1]).toBeCloseTo(1 / 32, 7);
    for (let time = 0; time < options.times; time++) {
      expect(fine.values[time * 48 + 1]).toBeCloseTo(coarse.values[time * 16]!, 5);
    }
  });
});
