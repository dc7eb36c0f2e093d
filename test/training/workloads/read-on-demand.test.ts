import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fieldDatasetSchema, openDataset } from '../../../shared/datasets/registry.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import { fieldModelSchema } from '../../../shared/models/registry.ts';
import { trainingSchema } from '../../../shared/training/config.ts';
import { planTrajectories } from '../../../shared/training/workloads/trajectories.ts';
import { writeHdf5 } from '../../support/hdf5.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'on-demand-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function write(name: string, samples: number, value: (index: number) => number = Math.sin): Promise<string> {
  const shape = [samples, 5, 8];
  const data = Float32Array.from({ length: samples * 40 }, (_, index) => value(index));
  const x = { data: Float32Array.from({ length: 8 }, (_, index) => index / 8) };
  return writeHdf5(join(folder, name), { tensor: { data, shape }, 'x-coordinate': x });
}

const training = (settings: object = {}) => {
  const parsed = trainingSchema.parse({ epochs: 2, batchSize: 2, accumulate: 2, validation: 2, ...settings });
  return { ...parsed, learningRate: 0.01 };
};

async function plan(path: string, held: number | undefined, settings: object = {}) {
  const config = fieldDatasetSchema.parse({ format: 'fields', path, window: 2, choose: 'random', samples: 5 });
  const data = await openDataset(config, path, { seed: 3, ...(held === undefined ? {} : { held }) });
  const model = fieldModelSchema.parse({ family: 'fno1d', modes: 3, width: 4, projection: 8 });
  return planTrajectories({ model, data, window: 2, training: training(settings), metric: 'nRMSE', path });
}

it('training on samples that are read for each batch gives the same bits as on samples in memory', async () => {
  const path = await write('fields.h5', 7);
  const engine = await openEngine('wasm');
  const results = [];
  for (const held of [undefined, 0]) {
    const workload = (await plan(path, held)).on(engine);
    const { parameters, losses } = await workload.train(1, await workload.initial(), undefined, {}, () => {});
    const weights = [...parameters].map(([name, { data }]) => [name, [...data]]);
    results.push({ losses, weights, ...(await workload.evaluate(parameters)), data: workload.data });
  }
  expect(results[1]).toEqual(results[0]);
  expect(results[0]!.losses.length).toBeGreaterThan(1);
});

it('what is wrong with samples is found whether they are held or read', async () => {
  const blank = await write('blank.h5', 5, (index) => (index >= 40 ? 0 : Math.sin(index)));
  const holed = await write('holed.h5', 5, (index) => (index === 81 ? Number.NaN : Math.sin(index)));
  for (const held of [undefined, 0]) {
    await expect(plan(blank, held, { validation: 4 })).rejects.toThrow(
      /nRMSE divides by .*sample rows 1, 2, 3 and 4\n/s,
    );
    await expect(plan(holed, held)).rejects.toThrow(
      /1 of the 200 values read are not finite:\n {2}sample row 2, time step 0, position \[1\]/,
    );
  }
});

it('a batch that no memory holds is refused with its size', async () => {
  const data = {
    kind: 'trajectories' as const,
    shape: [4, 1024, 1024, 50, 4],
    grid: { shape: [1024, 1024, 2], values: new Float32Array(0) },
    channels: ['a', 'b', 'c', 'd'],
    rows: [0, 1, 2, 3],
    read: () => Promise.reject(new Error('must not be read')),
  };
  const model = fieldModelSchema.parse({ family: 'fno2d' });
  await expect(planTrajectories({ model, data, window: 1, training: training({ batchSize: 40 }) })).rejects.toThrow(
    /training\.batchSize: 20 samples of 838\.9 MB each make 16\.8 GB, and 4\.3 GB .*\n {2}Compute at most 5 at a time/,
  );
});
