import { beforeAll, describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { inMemory } from '../../shared/datasets/trajectories.ts';
import type { Engine } from '../../shared/engines/engine.ts';
import { openEngine } from '../../shared/engines/open-engine.ts';
import type { FieldModel } from '../../shared/models/model.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { elementCount, type HostTensors } from '../../shared/tensors/tensor.ts';
import { flatParameters } from '../../shared/training/flat-parameters.ts';
import { rolloutObjective } from '../../shared/training/objectives/rollout.ts';
import type { Optimizer } from '../../shared/training/optimizer.ts';
import { buildOptimizer, optimizerSchema } from '../../shared/training/optimizers/registry.ts';
import { trainEpoch } from '../../shared/training/train-epoch.ts';
import type { GradientSettings } from '../../shared/training/training-step.ts';
import { trajectoryProblem } from '../../shared/training/workloads/trajectory-problem.ts';

const format = { kind: 'trajectories', space: [8], channels: 2, window: 3 } as const;
const model = buildModel(fieldModelSchema.parse({ family: 'fno1d', modes: 3, width: 4, projection: 8 }), format);
const objective = rolloutObjective(model, format.window);
const optimizerNamed = (name: string) => buildOptimizer(optimizerSchema.parse({ name }));

/** A model with larger parameters, which fill rows; and how many elements are put together. */
const [wide, most] = [
  buildModel(fieldModelSchema.parse({ family: 'fno1d', modes: 1, width: 80, projection: 8 }), format),
  2 ** 18,
];
const cases = [
  { what: 'small parameters', trained: model, mostTogether: undefined },
  { what: 'larger ones, too', trained: wide, mostTogether: most },
];
const plain = (tensors: HostTensors) => [...tensors].map(([name, { shape, data }]) => [name, shape, [...data]]);

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine('cpu');
});

const shape = [4, 8, 5, 2];
const noise = randomFor(5, 'values');
const data = inMemory(
  {
    kind: 'trajectories',
    shape,
    grid: { shape: [8, 1], values: Float32Array.from({ length: 8 }, (_, x) => x / 8) },
    channels: ['u', 'v'],
    rows: [0, 1, 2, 3],
  },
  { values: new Float32Array(elementCount(shape)).map(() => noise.normal()) },
);

/** An epoch with rates of its own for each parameter. */
function train(
  trained: FieldModel,
  optimizer: Optimizer,
  { mostTogether, ...settings }: GradientSettings & { mostTogether?: number | undefined },
) {
  const rates = trained.parameters.map((spec, index) => [
    spec.name,
    { learningRate: 1 + index / 10, weightDecay: 2 - index / 20 },
  ]);
  return trainEpoch({
    engine: mostTogether === undefined ? engine : { ...engine, mostTogether },
    problem: trajectoryProblem({ model: trained, data, window: 3, rolloutSteps: 2, batchSize: 2, seed: 1 }),
    optimizer,
    parameters: trained.initialise(randomFor(3, 'initialise')),
    state: undefined,
    epoch: 1,
    baseRate: () => 1e-2,
    weightDecay: 0.1,
    rates: Object.fromEntries(rates),
    ...settings,
  });
}

describe('flatParameters', () => {
  it('puts small parameters one behind the other, and leaves complex ones alone', () => {
    const { objective: flat } = flatParameters(objective, optimizerNamed('adam'));
    const complex = objective.parameters.filter((spec) => spec.complex);
    const others = objective.parameters.filter((spec) => !spec.complex);
    expect(flat.parameters.slice(0, -1)).toEqual(complex);
    expect(flat.parameters.at(-1)!.shape).toEqual([others.reduce((sum, { shape }) => sum + elementCount(shape), 0)]);
  });

  it('puts larger ones in rows, complex ones by themselves, where an engine asks for it', () => {
    const whole = rolloutObjective(wide, format.window);
    const { objective: flat, spread } = flatParameters(whole, optimizerNamed('adam'), most);
    expect(flat.parameters.map(({ name, shape, complex }) => [name, shape, complex])).toEqual([
      ['(small)', [4 * 80 + 80 * 8 + 80 * 8 + 8 + 8 * 2 + 2], undefined],
      ['(rows)', [(4 * 80 * 80) / 128, 128], undefined],
      ['(complex)', [(4 * 2 * 80 * 80) / 128, 64, 2], true],
    ]);
    const rates = spread(new Map(whole.parameters.map(({ name }, index) => [name, index])));
    expect(rates.get('(rows)')!.shape).toEqual([200, 1]);
    expect(rates.get('(complex)')!.shape).toEqual([400, 1, 1]);
  });

  const optimizers = ['adam', 'adamw', 'sgd'] as const;
  const each = optimizers.flatMap((name) => cases.map((given) => ({ name, ...given })));

  it.each(each)(
    "restores what it was given, whole or one by one, with $name's state: $what",
    async ({ name, trained, mostTogether }) => {
      const optimizer = optimizerNamed(name);
      const objective = rolloutObjective(trained, format.window);
      const initial = trained.initialise(randomFor(3, 'initialise'));
      const flat = flatParameters(objective, optimizer, mostTogether);
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

  it.each(each)(
    'trains with $name to the same bits as parameters by themselves, each at its own rates: $what',
    async ({ name, trained, mostTogether }) => {
      const together = await train(trained, optimizerNamed(name), { mostTogether });
      const apart = await train(trained, { ...optimizerNamed(name), elementwise: false }, {});
      expect(plain(together.parameters)).toEqual(plain(apart.parameters));
      expect(new Map(plain(together.state).map(([key, ...rest]) => [key, rest]))).toEqual(
        new Map(plain(apart.state).map(([key, ...rest]) => [key, rest])),
      );
    },
  );

  it('trains to the same, but for rounding, where the gradient is clipped and taken nearby', async () => {
    const settings = { clipNorm: 0.1, sam: { rho: 0.5, adaptive: true } };
    const together = await train(wide, optimizerNamed('adam'), { mostTogether: most, ...settings });
    const apart = await train(wide, { ...optimizerNamed('adam'), elementwise: false }, settings);
    expect(together.losses).toEqual(apart.losses.map((loss) => expect.closeTo(loss, 5)));
    for (const [name, { data }] of apart.state) {
      const scale = data.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30);
      const found = together.state.get(name)!.data;
      expect(
        data.every((value, index) => Math.abs(found[index]! - value) < 1e-4 * scale),
        name,
      ).toBe(true);
    }
  });

  it('leaves an optimizer alone that looks at a parameter as a whole', () => {
    expect(flatParameters(objective, optimizerNamed('adafactor')).objective).toBe(objective);
  });
});
