import { beforeAll, describe, expect, it } from 'vitest';
import { fitNormaliser, normalised } from '../../shared/datasets/normaliser.ts';
import { inMemory, type Trajectories } from '../../shared/datasets/trajectories.ts';
import type { Engine } from '../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../shared/engines/open-engine.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { trainingSchema } from '../../shared/training/config.ts';
import { predictAll } from '../../shared/training/predict.ts';
import { planTrajectories } from '../../shared/training/workloads/trajectories.ts';

const samples = 6;
/** Two channels, a large one and one that never changes, and a static field; two given steps and two more. */
function fields(): Trajectories {
  const values = Float32Array.from({ length: samples * 8 * 4 * 2 }, (_, index) =>
    index % 2 === 0 ? 100 + 10 * Math.sin(0.7 * index) : 3,
  );
  const statics = Float32Array.from({ length: samples * 8 }, (_, index) => index);
  const grid = { shape: [8, 1], values: Float32Array.from({ length: 8 }, (_, point) => point / 8) };
  return inMemory(
    {
      kind: 'trajectories',
      shape: [samples, 8, 4, 2],
      grid,
      channels: ['u', 'v'],
      statics: ['a'],
      rows: [0, 1, 2, 3, 4, 5],
    },
    { values, statics },
  );
}

describe('fitNormaliser', () => {
  it.each(['unitGaussian', 'minMax'] as const)('%s fits each channel and static field by itself', async (kind) => {
    const data = fields();
    const { normaliser, constant } = await fitNormaliser(kind, data);
    const { values, statics } = await normalised(data, normaliser).read([0, 1, 2, 3, 4, 5]);
    const u = [...values].filter((_, index) => index % 2 === 0);
    const told = (all: readonly number[]) => {
      const mean = all.reduce((sum, each) => sum + each, 0) / all.length;
      const deviation = Math.sqrt(all.reduce((sum, each) => sum + (each - mean) ** 2, 0) / all.length);
      return kind === 'minMax' ? [Math.min(...all), Math.max(...all)] : [mean, deviation];
    };
    for (const all of [u, [...statics]]) {
      expect(told(all)[0]).toBeCloseTo(0, 5);
      expect(told(all)[1]).toBeCloseTo(1, 5);
    }
    expect([...values].filter((_, index) => index % 2 === 1).every((value) => value === 0)).toBe(true);
    expect(constant).toEqual(['v']);
    expect(normaliser.channels.scale[1]).toBe(1);
  });
});

describe.each(availableEngines())('a normalised model on the engine %s', (name) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(name);
  });

  it('predicts in the units of the data what the bare model predicts of normalised data', async () => {
    const data = fields();
    const { normaliser } = await fitNormaliser('unitGaussian', data);
    const format = { kind: 'trajectories', space: [8], channels: 2, window: 2, statics: 1 } as const;
    const config = fieldModelSchema.parse({ family: 'fno1d', modes: 3, width: 4, projection: 8 });
    const training = trainingSchema.parse({ epochs: 1, engine: name });
    const plan = await planTrajectories({
      model: config,
      data,
      window: 2,
      training: { ...training, learningRate: 1e-3 },
      normalise: 'unitGaussian',
      validation: data,
    });
    expect(plan.data.normaliser).toEqual(normaliser);
    expect(plan.warnings).toContainEqual(expect.stringContaining('v: the same value everywhere'));
    const parameters = await plan.initial();
    const request = { engine, parameters, window: 2, rolloutSteps: 2, batchSize: 3 };
    const bare = await predictAll({
      ...request,
      model: buildModel(config, format),
      data: normalised(data, normaliser),
    });
    const whole = await predictAll({ ...request, model: buildModel(config, { ...format, normaliser }), data });
    const { shift, scale } = normaliser.channels;
    for (const [index, value] of bare.data.entries()) {
      expect(Math.abs(whole.data[index]! - (value * scale[index % 2]! + shift[index % 2]!))).toBeLessThan(1e-3);
    }
    const { loss } = await plan.on(engine).train(1, parameters, undefined, {}, () => {});
    // In normalised units: two steps of errors of about one.
    expect(loss).toBeLessThan(10);
    expect((await plan.on(engine).evaluate(await plan.initial())).metrics.RMSE).toBeGreaterThan(1);
  });
});
