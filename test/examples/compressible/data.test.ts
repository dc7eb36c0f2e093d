import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generateFlow, writeFlow } from '../../../examples/compressible/data.ts';
import { fieldDatasetSchema, openDataset } from '../../../shared/datasets/registry.ts';
import { temporaryFolder } from '../../support/small-run.ts';

const options = { initial: 'waves', samples: 3, seed: 5, points: 16, times: 4, duration: 0.3 } as const;
const size = options.times * options.points;

describe('generateFlow', () => {
  it('writes a file that reads back as trajectories of three channels', async () => {
    const path = join(await temporaryFolder(), 'flow.hdf5');
    const data = generateFlow(options);
    await writeFlow(path, data);
    const channels = ['density', 'Vx', 'pressure'] as const;
    const config = fieldDatasetSchema.parse({ format: 'pdebench', path, channels, window: 1 });
    const read = await openDataset(config, path, { seed: 1 });
    expect(read).toMatchObject({ shape: [3, 16, 4, 3], channels });
    expect(read.grid.values[1]).toBeCloseTo(1.5 / 16, 7);
    const { values } = await read.read([1]);
    for (const [channel, name] of channels.entries()) {
      // [sample, point, time, channel] of the second sample, third point, last time.
      expect(values[(2 * 4 + 3) * 3 + channel]).toBe(data.fields[name][size + 3 * 16 + 2]);
    }
  });

  it.each(['waves', 'tubes'] as const)('%s: a sample depends on the seed and its number alone', (initial) => {
    const { density } = generateFlow({ ...options, initial }).fields;
    expect(generateFlow({ ...options, initial, samples: 2 }).fields.density).toEqual(density.subarray(0, 2 * size));
    expect(generateFlow({ ...options, initial, seed: 6 }).fields.density).not.toEqual(density);
    expect(density.subarray(0, size)).not.toEqual(density.subarray(size, 2 * size));
  });

  it('waves keep their mass, and move', () => {
    const { density } = generateFlow(options).fields;
    const first = density.subarray(0, options.points);
    const last = density.subarray(size - options.points, size);
    const mass = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0);
    expect(mass(last)).toBeCloseTo(mass(first), 4);
    expect(Math.max(...last.map((value, point) => Math.abs(value - first[point]!)))).toBeGreaterThan(0.02);
  });

  it('tubes begin at rest with two gases', () => {
    const { fields } = generateFlow({ ...options, initial: 'tubes' });
    expect([...fields.Vx.subarray(0, options.points)].every((value) => value === 0)).toBe(true);
    // Three, where the diaphragm is within a cell that is kept.
    expect(new Set(fields.pressure.subarray(0, options.points)).size).toBeLessThanOrEqual(3);
    expect(Math.max(...fields.Vx.map(Math.abs))).toBeGreaterThan(0.05);
  });
});
