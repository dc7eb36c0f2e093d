import { beforeAll, describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { inMemory } from '../../shared/datasets/trajectories.ts';
import type { Engine } from '../../shared/engines/engine.ts';
import { openEngine } from '../../shared/engines/open-engine.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import type { ParameterSpec } from '../../shared/tensors/layer.ts';
import { elementCount, type HostTensors } from '../../shared/tensors/tensor.ts';
import { emaSchema, joinAverage, splitAverage, withAverage } from '../../shared/training/ema.ts';
import { buildOptimizer, optimizerFamilies, optimizerSchema } from '../../shared/training/optimizers/registry.ts';
import { type EpochResult, trainEpoch } from '../../shared/training/train-epoch.ts';
import { trajectoryProblem } from '../../shared/training/workloads/trajectory-problem.ts';
import { readGoldenSteps, relativeDifference, takeGoldenSteps } from '../support/optimizer-steps.ts';

type Averages = Record<string, number[]>[];
const golden = await readGoldenSteps<{ decay: number; averages: { plain: Averages; warmUp: Averages } }>('ema');

const specs: ParameterSpec[] = [
  { name: 'matrix', shape: [3, 4], decay: true },
  { name: 'vector', shape: [5], decay: false },
  { name: 'spectral', shape: [2, 3, 2], decay: true, complex: true },
];
const built = (name: string) => buildOptimizer(optimizerSchema.parse({ name }));

describe('the average of the weights', () => {
  it.each([
    [false, golden.averages.plain],
    [true, golden.averages.warmUp],
  ])("is that of torch's AveragedModel, with warmUp %s", async (warmUp, averages) => {
    const optimizer = withAverage(built('sgd'), emaSchema.parse({ decay: golden.decay, warmUp }));
    const steps = await takeGoldenSteps(optimizer, specs, golden);
    expect(steps).toHaveLength(30);
    for (const [step, { parameters, state }] of steps.entries()) {
      const { average } = splitAverage(state, parameters);
      for (const { name } of specs) {
        const expected = averages[step]![name]!;
        expect(relativeDifference(average!.get(name)!.data, expected), `${name}, ${step}`).toBeLessThan(1e-6);
      }
    }
  });

  it('leaves the optimizer as it is where none is wanted', () => {
    const optimizer = built('adam');
    expect(withAverage(optimizer, undefined)).toBe(optimizer);
  });

  it('comes out of the state and back into it', async () => {
    const optimizer = withAverage(built('adamw'), emaSchema.parse({}));
    const { parameters, state } = (await takeGoldenSteps(optimizer, specs, golden)).at(-1)!;
    const parts = splitAverage(state, parameters);
    expect([...parts.average!.keys()]).toEqual(specs.map(({ name }) => name));
    expect([...parts.state.keys()]).toEqual([...built('adamw').init(specs).keys()]);
    expect(joinAverage(parts.state, parts.average, specs)).toEqual(state);
    expect(splitAverage(parts.state, parameters)).toEqual({ state: parts.state, average: undefined });
  });

  it.each([0, 1, -0.5])('refuses the decay %f', (decay) => {
    expect(emaSchema.safeParse({ decay }).success).toBe(false);
  });
});

const format = { kind: 'trajectories', space: [8], channels: 2, window: 3 } as const;
const model = buildModel(fieldModelSchema.parse({ family: 'fno1d', modes: 3, width: 4, projection: 8 }), format);
const random = randomFor(5, 'values');
const shape = [4, 8, 5, 2];
const data = inMemory(
  {
    kind: 'trajectories',
    shape,
    grid: { shape: [8, 1], values: Float32Array.from({ length: 8 }, (_, x) => x / 8) },
    channels: ['u', 'v'],
    rows: [0, 1, 2, 3],
  },
  { values: new Float32Array(elementCount(shape)).map(() => random.normal()) },
);
const problem = trajectoryProblem({ model, data, window: 3, rolloutSteps: 2, batchSize: 2, accumulate: 2, seed: 1 });

describe.each(optimizerFamilies)('with $name', ({ name }) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine('cpu');
  });
  const initial = model.initialise(randomFor(3, 'initialise'));
  const train = (
    ema: object | undefined,
    epoch: number,
    from?: { parameters: HostTensors; state: HostTensors | undefined },
  ) =>
    trainEpoch({
      engine,
      problem,
      optimizer: withAverage(built(name), ema && emaSchema.parse(ema)),
      parameters: from?.parameters ?? initial,
      state: from?.state,
      sam: { rho: 0.05, adaptive: false },
      epoch,
      baseRate: () => 1e-2,
      weightDecay: 0.1,
      rates: { 'fc1.weight': { learningRate: 0.5, weightDecay: 2 } },
    });

  it('does not change how the weights are trained', async () => {
    const [without, beside] = [await train(undefined, 1), await train({ decay: 0.5 }, 1)];
    expect(beside.losses).toEqual(without.losses);
    expect(beside.parameters).toEqual(without.parameters);
    expect(splitAverage(beside.state, beside.parameters).state).toEqual(without.state);
  });

  it('is between the weights of the steps, for small parameters side by side too', async () => {
    // Two steps: the average begins as the weights after the first, and goes half of the way to those after the second.
    const { parameters, state } = await train({ decay: 0.5, warmUp: false }, 1);
    const averageOf = (trained: EpochResult) => splitAverage(trained.state, trained.parameters).average!;
    const average = splitAverage(state, parameters).average!;
    const other = averageOf(await train({ decay: 1e-9, warmUp: false }, 1));
    const slow = averageOf(await train({ decay: 0.999999, warmUp: false }, 1));
    expect([...average.keys()]).toEqual([...parameters.keys()]);
    let moved = 0;
    for (const [key, { data: last }] of parameters) {
      const [first, middle] = [slow.get(key)!.data, average.get(key)!.data];
      expect(relativeDifference(other.get(key)!.data, [...last]), key).toBeLessThan(1e-6);
      expect(
        relativeDifference(
          middle,
          [...first].map((value, at) => (value + last[at]!) / 2),
        ),
        key,
      ).toBeLessThan(1e-5);
      if (relativeDifference(first, [...last]) > 1e-5) moved += 1;
    }
    expect(moved).toBeGreaterThan(0);
  });

  it('goes on from an epoch to the same bits', async () => {
    const first = await train({}, 1);
    const again = await train({}, 1);
    expect(again).toEqual(first);
    const stored = splitAverage(first.state, first.parameters);
    const state = joinAverage(stored.state, stored.average, model.parameters);
    expect(await train({}, 2, { parameters: first.parameters, state })).toEqual(await train({}, 2, again));
  });
});
