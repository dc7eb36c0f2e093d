import { beforeAll, describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { inMemory } from '../../shared/datasets/trajectories.ts';
import type { Engine } from '../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../shared/engines/open-engine.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { type PredictedPiece, piecesOf, predictAll, predictPieces } from '../../shared/training/predict.ts';
import { beginErrors } from '../../shared/training/rollout-errors.ts';
import { rolloutMetrics } from '../../shared/training/rollout-metrics.ts';

const points = 8;
const [window, samples, time, channels] = [3, 3, 13, 2];
const random = randomFor(1, 'fields');
const grid = { shape: [points, 1], values: Float32Array.from({ length: points }, (_, x) => x / points) };
const values = Float32Array.from({ length: samples * points * time * channels }, () => random.normal());
const statics = Float32Array.from({ length: samples * points }, () => random.normal());
const data = inMemory(
  {
    kind: 'trajectories',
    shape: [samples, points, time, channels],
    grid,
    channels: ['u', 'v'],
    statics: ['force'],
    rows: [0, 1, 2],
  },
  { values, statics },
);
const settings = fieldModelSchema.parse({ family: 'fno1d', modes: 3, width: 4, projection: 4, blocks: 2 });
const model = buildModel(settings, { kind: 'trajectories', space: [points], channels, window, statics: 1 });
const parameters = model.initialise(randomFor(2, 'initialise'));

it('a roll-out is cut in pieces of one length, the last may be shorter', () => {
  expect(piecesOf(5, 64)).toEqual([{ first: 0, steps: 5 }]);
  expect(piecesOf(10, 4).map(({ steps }) => steps)).toEqual([4, 4, 2]);
  expect(piecesOf(9, 4).map(({ steps }) => steps)).toEqual([3, 3, 3]);
  expect(piecesOf(5000).every(({ steps }) => steps <= 64)).toBe(true);
});

describe.each(availableEngines())('on the engine %s', (name) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(name);
  });
  const request = () => ({ engine, model, parameters, data, window, rolloutSteps: time - window, batchSize: 2 });
  const inPieces = async (most: number, use: (piece: PredictedPiece) => void) => predictPieces(request(), use, most);

  it.each([1, 4])('a roll-out in pieces of %i steps has the bits of one in one go', async (most) => {
    const whole = await predictAll(request());
    const steps = time - window;
    await inPieces(most, ({ samples: positions, first, steps: count, predicted }) => {
      const expected = positions.flatMap((sample) =>
        Array.from({ length: points }, (_, point) => {
          const from = ((sample * points + point) * steps + first) * channels;
          return [...whole.data.subarray(from, from + count * channels)];
        }).flat(),
      );
      expect([...predicted.data]).toEqual(expected);
    });
  });

  it('errors by time step, from pieces, average to the metrics of the whole', async () => {
    const expected = await rolloutMetrics(request());
    const errors = beginErrors(data.shape, window);
    await inPieces(4, errors.add);
    const { metrics, bySteps } = errors.values()!;
    expect(metrics).toEqual(expected);
    for (const measure of ['nRMSE', 'RMSE'] as const) {
      expect(bySteps[measure]).toHaveLength(time - window);
      const mean = bySteps[measure].reduce((sum, value) => sum + value, 0) / (time - window);
      expect(mean).toBeCloseTo(expected[measure]!, 12);
    }
  });
});

it('errors are of the steps whose true fields are there', async () => {
  const engine = await openEngine('cpu');
  const request = { engine, model, parameters, data, window, batchSize: 3 };
  const known = beginErrors(data.shape, window);
  await predictPieces({ ...request, rolloutSteps: time }, known.add, 4);
  expect(known.values()!.metrics).toEqual(await rolloutMetrics({ ...request, rolloutSteps: time - window }));
  const unknown = beginErrors([samples, points, window, channels], window);
  await predictPieces({ ...request, rolloutSteps: 2 }, unknown.add);
  expect(unknown.values()).toBeUndefined();
});
