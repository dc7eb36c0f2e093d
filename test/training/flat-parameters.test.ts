import { beforeAll, describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { inMemory } from '../../shared/datasets/trajectories.ts';
import type { Engine } from '../../shared/engines/engine.ts';
import { openEngine } from '../../shared/engines/open-engine.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { elementCount, type HostTensors } from '../../shared/tensors/tensor.ts';
import { flatParameters } from '../../shared/training/flat-parameters.ts';
import { rolloutObjective } from '../../shared/training/objectives/rollout.ts';
import type { Optimizer } from '../../shared/training/optimizer.ts';
import { buildOptimizer, optimizerSchema } from '../../shared/training/optimizers/registry.ts';
import { trainEpoch } from '../../shared/training/train-epoch.ts';
import { trajectoryProblem } from '../../shared/training/workloads/trajectory-problem.ts';

const format = { kind: 'trajectories', space: [8], channels: 2, window: 3 } as const;
const model = buildModel(fieldModelSchema.parse({ family: 'fno1d', modes: 3, width: 4, projection: 8 }), format);
const initial = model.initialise(randomFor(3, 'initialise'));
const objective = rolloutObjective(model, format.window);
const optimizerNamed = (name: string) => buildOptimizer(optimizerSchema.parse({ name }));
const plain = (tensors: HostTensors) => [...tensors].map(([name, { shape, data }]) => [name, shape, [...data]]);

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine('cpu');
});

describe('flatParameters', () => {
  it('puts small parameters one behind the other, and leaves complex ones alone', () => {
    const { objective: flat } = flatParameters(objective, optimizerNamed('adam'));
    const complex = objective.parameters.filter((spec) => spec.complex);
    const others = objective.parameters.filter((spec) => !spec.complex);
    expect(flat.parameters.slice(0, -1)).toEqual(complex);
    expect(flat.parameters.at(-1)!.shape).toEqual([others.reduce((sum, { shape }) => sum + elementCount(shape), 0)]);
  });

  it.each(['adam', 'adamw', 'sgd'])(
    "restores what it was given, whole or one by one, with %s's state",
    async (name) => {
      const optimizer = optimizerNamed(name);
      const flat = flatParameters(objective, optimizer);
      const random = randomFor(4, 'state');
      const state = new Map(
        [...optimizer.init(objective.parameters)].map(([key, { shape, data }]) => [
          key,
          { shape, data: data.map(() => random.normal()) },
        ]),
      );
      const flattened = flat.flatten(initial);
      expect(plain(flat.restore(flattened))).toEqual(plain(initial));
      const read = flat.reader(async (key) => flattened.get(key)!);
      const one = async (key: string) => [key, await read(key)] as const;
      expect(plain(new Map(await Promise.all([...initial.keys()].map(one))))).toEqual(plain(initial));
      expect(
        Object.fromEntries(plain(flat.restoreState(flat.flattenState(state))).map(([key, ...rest]) => [key, rest])),
      ).toEqual(Object.fromEntries(plain(state).map(([key, ...rest]) => [key, rest])));
    },
  );

  it.each(['adam', 'adamw', 'sgd'])(
    'trains with %s to the same bits as parameters by themselves, each at its own rates',
    async (name) => {
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
      const rates = Object.fromEntries(
        model.parameters.map((spec, index) => [
          spec.name,
          { learningRate: 1 + index / 10, weightDecay: 2 - index / 20 },
        ]),
      );
      const train = (optimizer: Optimizer) =>
        trainEpoch({
          engine,
          problem: trajectoryProblem({ model, data, window: 3, rolloutSteps: 2, batchSize: 2, seed: 1 }),
          optimizer,
          parameters: initial,
          state: undefined,
          epoch: 1,
          baseRate: () => 1e-2,
          weightDecay: 0.1,
          rates,
        });
      const together = await train(optimizerNamed(name));
      const apart = await train({ ...optimizerNamed(name), elementwise: false });
      expect(plain(together.parameters)).toEqual(plain(apart.parameters));
      expect(new Map(plain(together.state).map(([key, ...rest]) => [key, rest]))).toEqual(
        new Map(plain(apart.state).map(([key, ...rest]) => [key, rest])),
      );
    },
  );

  it('leaves an optimizer alone that looks at a parameter as a whole', () => {
    expect(flatParameters(objective, optimizerNamed('adafactor')).objective).toBe(objective);
  });
});
