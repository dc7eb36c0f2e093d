import { beforeAll, describe, expect, it } from 'vitest';
import { inMemory, type Trajectories } from '../../../shared/datasets/trajectories.ts';
import type { Engine } from '../../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../../shared/engines/open-engine.ts';
import type { FieldModel } from '../../../shared/models/model.ts';
import { fieldModelSchema } from '../../../shared/models/registry.ts';
import type { HostTensor } from '../../../shared/tensors/tensor.ts';
import { trainingSchema } from '../../../shared/training/config.ts';
import { buildOptimizer, optimizerSchema } from '../../../shared/training/optimizers/registry.ts';
import { predictAll, predictEach } from '../../../shared/training/predict.ts';
import { rolloutMetrics } from '../../../shared/training/rollout-metrics.ts';
import { trainEpoch } from '../../../shared/training/train-epoch.ts';
import { planTrajectories } from '../../../shared/training/workloads/trajectories.ts';
import { trajectoryProblem } from '../../../shared/training/workloads/trajectory-problem.ts';

/** Predicts, at each point, the sum of what is given times one weight for each number. */
const weighted = (inputs: number): FieldModel => ({
  parameters: [{ name: 'weight', shape: [inputs, 1], decay: true, layer: 'weight' }],
  forwardFlops: 0,
  activations: 0,
  layers: [{ name: 'weight', kind: 'linear', weights: ['weight'] }],
  initialise: () => new Map(),
  forward:
    (tf, { weight }) =>
    (given) => {
      const places = given.shape.slice(0, -1);
      return tf.reshape(tf.matMul(tf.reshape(given, [-1, inputs]), weight!), [...places, 1]);
    },
});

const weights = (...values: number[]): Map<string, HostTensor> =>
  new Map([['weight', { shape: [values.length, 1], data: Float32Array.from(values) }]]);

/** Two samples on three points. */
function fields(time: number, values: readonly number[], statics: readonly number[]): Trajectories {
  const grid = { shape: [3, 1], values: Float32Array.of(0, 0.5, 1) };
  const sizes = { kind: 'trajectories' as const, shape: [2, 3, time, 1], grid, channels: ['u'], statics: ['force'] };
  const all = { values: Float32Array.from(values), statics: Float32Array.from(statics) };
  return inMemory({ ...sizes, rows: [0, 1] }, all);
}

const force = [1, 2, 3, 4, 5, 6];

describe.each(availableEngines())('on the engine %s', (name) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(name);
  });

  describe('static inputs beside a window', () => {
    // Two given steps, three more.
    const values = Array.from({ length: 2 * 3 * 5 }, (_, index) => (index % 5) + 1);
    const data = fields(5, values, force);

    it('are given at every step of a roll-out, behind the window', async () => {
      const request = { engine, model: weighted(3), data, window: 2, rolloutSteps: 3, batchSize: 1 };
      const { shape, data: predicted } = await predictAll({ ...request, parameters: weights(1, 2, 10) });
      expect(shape).toEqual([2, 3, 3, 1]);
      for (const [place, given] of force.entries()) {
        // 1 and 2 are the window.
        const first = 1 + 2 * 2 + 10 * given;
        const second = 2 + 2 * first + 10 * given;
        const third = first + 2 * second + 10 * given;
        expect([...predicted.subarray(3 * place, 3 * place + 3)]).toEqual([first, second, third]);
      }
    });

    it('reach the loss, whose gradient trains on them', async () => {
      const problem = trajectoryProblem({
        model: weighted(3),
        data,
        window: 2,
        rolloutSteps: 1,
        batchSize: 2,
        seed: 1,
      });
      const { losses, parameters } = await trainEpoch({
        engine,
        problem,
        optimizer: buildOptimizer(optimizerSchema.parse({ name: 'sgd' })),
        parameters: weights(0, 0, 1),
        state: undefined,
        epoch: 1,
        baseRate: () => 0.01,
        weightDecay: 0,
        rates: {},
      });
      // The target is 3 everywhere.
      const errors = force.map((given) => given - 3);
      const mean = (of: (error: number, index: number) => number) =>
        errors.reduce((sum, e, i) => sum + of(e, i), 0) / 6;
      expect(losses[0]).toBeCloseTo(
        mean((error) => error ** 2),
        5,
      );
      const gradient = mean((error, index) => 2 * error * force[index]!);
      expect(parameters.get('weight')!.data[2]).toBeCloseTo(1 - 0.01 * gradient, 5);
    });
  });

  describe('static inputs in every training mode', () => {
    const data = fields(
      4,
      Array.from({ length: 2 * 3 * 4 }, (_, index) => (index % 4) + 1),
      force,
    );
    const [first, second] = [0.1, 0.5];

    it.each([
      // From the true steps 1, 2 and 2, 3.
      [
        'singleStep',
        undefined,
        (f: number) => (first + 2 * second + f - 3) ** 2 + (2 * first + 3 * second + f - 4) ** 2,
      ],
      // From 2 and the step predicted before, which itself has no loss.
      ['pushForward', 1, (f: number) => (2 * first + second * (first + 2 * second + f) + f - 4) ** 2],
    ] as const)('are given at every step: %s', async (mode, unrollSteps, errorOf) => {
      const problem = trajectoryProblem({
        model: weighted(3),
        data,
        window: 2,
        rolloutSteps: 2,
        batchSize: 2,
        seed: 1,
        learning: { mode, unrollSteps },
      });
      const { losses } = await trainEpoch({
        engine,
        problem,
        optimizer: buildOptimizer(optimizerSchema.parse({ name: 'sgd' })),
        parameters: weights(first, second, 1),
        state: undefined,
        epoch: 1,
        baseRate: () => 0,
        weightDecay: 0,
        rates: {},
      });
      expect(losses[0]).toBeCloseTo(force.reduce((sum, each) => sum + errorOf(each), 0) / 6, 4);
    });
  });

  describe('a static map', () => {
    const data = fields(1, [2, 4, 6, 8, 10, 13], force);
    const request = () => ({ engine, model: weighted(1), data, window: 0, rolloutSteps: 1, parameters: weights(2) });

    it('is given its static fields alone, and predicts one step', async () => {
      const { shape, data: predicted } = await predictAll({ ...request(), batchSize: 2 });
      expect(shape).toEqual([2, 3, 1, 1]);
      expect([...predicted]).toEqual([2, 4, 6, 8, 10, 12]);
    });

    it('has the mean squared error as its loss, and metrics without time', async () => {
      const problem = trajectoryProblem({ ...request(), batchSize: 2, seed: 1 });
      const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'sgd' }));
      const { losses } = await trainEpoch({
        engine,
        problem,
        optimizer,
        parameters: weights(2),
        state: undefined,
        epoch: 1,
        baseRate: () => 0,
        weightDecay: 0,
        rates: {},
      });
      expect(losses[0]).toBeCloseTo(1 / 6, 6);
      const metrics = await rolloutMetrics({ ...request(), batchSize: 1 });
      expect(metrics.RMSE).toBeCloseTo(Math.sqrt(1 / 3) / 2, 6);
      expect(metrics.maxError).toBeCloseTo(1, 6);
    });

    it('is trained by an FNO, whose record says what is given', async () => {
      const samples = 4;
      const grid = { shape: [8, 1], values: Float32Array.from({ length: 8 }, (_, x) => x / 8) };
      const wave = Float32Array.from({ length: samples * 8 }, (_, index) => Math.sin(index));
      const rows = [0, 1, 2, 3];
      const map = inMemory(
        { kind: 'trajectories', shape: [samples, 8, 1, 1], grid, channels: ['u'], statics: ['nu'], rows },
        { values: wave.map((value) => 2 * value), statics: wave },
      );
      const training = trainingSchema.parse({ epochs: 1, batchSize: 2, learningRate: 0.01, validation: 1 });
      const plan = await planTrajectories({
        model: fieldModelSchema.parse({ family: 'fno1d', modes: 3, width: 4, projection: 8 }),
        data: map,
        window: 10,
        training: { ...training, learningRate: 0.01 },
      });
      expect(plan.data).toMatchObject({ window: 0, rolloutSteps: 1, statics: ['nu'], channels: ['u'], space: [8] });
      // One static field and one coordinate.
      expect(plan.parameters.find(({ name }) => name === 'fc0.weight')!.shape).toEqual([4, 2]);
      const workload = plan.on(engine);
      const before = await workload.evaluate(await plan.initial());
      let at = {
        parameters: await plan.initial(),
        state: undefined as Awaited<ReturnType<typeof workload.train>>['state'] | undefined,
      };
      for (let epoch = 1; epoch <= 5; epoch++) at = await workload.train(epoch, at.parameters, at.state, {}, () => {});
      expect((await workload.evaluate(at.parameters)).metrics.RMSE).toBeLessThan(before.metrics.RMSE!);
    });
  });

  it('predictEach hands out one batch after the other with what was given', async () => {
    const data = fields(
      3,
      Array.from({ length: 18 }, (_, index) => index),
      force,
    );
    const seen: unknown[] = [];
    await predictEach(
      { engine, model: weighted(2), data, window: 1, rolloutSteps: 2, batchSize: 1, parameters: weights(1, 0) },
      ({ samples, predicted, given }) => {
        seen.push([samples, predicted.shape, [...given.statics!.data]]);
      },
    );
    expect(seen).toEqual([
      [[0], [1, 3, 2, 1], [1, 2, 3]],
      [[1], [1, 3, 2, 1], [4, 5, 6]],
    ]);
  });
});
