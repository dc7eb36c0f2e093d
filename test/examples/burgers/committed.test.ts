import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { asTrajectories, generateBurgers } from '../../../examples/burgers/data.ts';
import { fieldDatasetSchema, openDataset } from '../../../shared/datasets/registry.ts';
import type { Trajectories } from '../../../shared/datasets/trajectories.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import { readPretrained } from '../../../shared/models/pretrained.ts';
import { buildModel, fieldModelSchema } from '../../../shared/models/registry.ts';
import { rolloutMetrics } from '../../../shared/training/rollout-metrics.ts';

const committed = (name: string) => fileURLToPath(new URL(`../../../examples/burgers/${name}`, import.meta.url));
const target = committed('target.hdf5');
const weights = committed('pretrained.safetensors');
const grid = { points: 64, times: 41, duration: 2 };

let data: Trajectories;
beforeAll(async () => {
  data = await openDataset(fieldDatasetSchema.parse({ format: 'pdebench', path: target }), target, { seed: 1 });
});

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((largest, value, index) => Math.max(largest, Math.abs(value - b[index]!)), 0);
}

describe('the target set', () => {
  it('is what the generator makes at viscosity 0.005 with seed 2', async () => {
    expect(data.shape).toEqual([32, 64, 41, 1]);
    const again = asTrajectories(generateBurgers({ ...grid, viscosity: 0.005, samples: 1, seed: 2 }));
    expect(largestDifference((await data.read([0])).values, (await again.read([0])).values)).toBeLessThan(1e-6);
  });

  it('is small', async () => {
    expect((await stat(target)).size).toBeLessThan(400_000);
  });
});

describe('the pre-trained weights', () => {
  const window = 10;
  const rolloutSteps = 31;

  async function nrmse(on: Trajectories): Promise<number> {
    const format = { kind: 'trajectories', space: [64], channels: 1, window } as const;
    const model = buildModel(fieldModelSchema.parse({ family: 'fno1d' }), format);
    const metrics = await rolloutMetrics({
      engine: await openEngine('wasm'),
      model,
      parameters: await readPretrained(weights, model),
      data: on,
      window,
      rolloutSteps,
      batchSize: 8,
    });
    return metrics.nRMSE!;
  }

  it('predict their own viscosity well, and the target viscosity clearly worse', async () => {
    const source = asTrajectories(generateBurgers({ ...grid, viscosity: 0.02, samples: 8, seed: 77 }));
    const [atHome, zeroShot] = [await nrmse(source), await nrmse(data)];
    expect(atHome).toBeLessThan(0.1);
    expect(zeroShot).toBeGreaterThan(3 * atHome);
  });

  it('are small', async () => {
    expect((await stat(weights)).size).toBeLessThan(3_000_000);
  });
});
