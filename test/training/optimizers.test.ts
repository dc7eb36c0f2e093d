import { describe, expect, it } from 'vitest';
import { openEngine } from '../../shared/engines/open-engine.ts';
import { rolloutObjective } from '../../shared/training/objectives/rollout.ts';
import { buildOptimizer, optimizerFamilies, optimizerSchema } from '../../shared/training/optimizers/registry.ts';
import { joined, parted, scalarNames, trainingSteps } from '../../shared/training/training-step.ts';
import { optimizersConform, update } from '../conformance/optimizers.ts';
import { fnoFixtureNames, readFnoFixture } from '../support/fno-fixture.ts';

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, index) => Math.abs(value - b[index]!)));

const scalar = (value: number) => ({ shape: [], data: Float32Array.of(value) });

const fixtureCases = (['wasm', 'onnx'] as const).flatMap((engineName) =>
  fnoFixtureNames.map((name) => ({ name, engineName })),
);

describe.each(fixtureCases)('adam on $name, computed by $engineName', ({ name, engineName }) => {
  it.each([
    ['shared', 'after_3_adam_steps', 'losses_reference_adam_f64'],
    ['separate', 'after_3_torch_adam_steps', 'losses_torch_adam_f64'],
  ] as const)('reproduces three steps with %s complex moments', async (complexMoments, file, lossKey) => {
    const { model, expected, values, grid, ...fixture } = await readFnoFixture(name);
    const { lr, weight_decay: decay } = expected.adam;
    const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'adam', complexMoments }));
    const loop = await (await openEngine(engineName)).loop(
      trainingSteps(rolloutObjective(model, 10), optimizer).update,
      {
        fixed: new Map([['grid', grid]]),
        carried: joined(fixture.parameters, optimizer.init(model.parameters)),
      },
    );
    const rates = model.parameters.flatMap((spec) => [
      [scalarNames.learningRate(spec.name), scalar(lr)] as const,
      [scalarNames.weightDecay(spec.name), scalar(decay)] as const,
    ]);
    const take = async (step: number) =>
      (await loop.run(new Map([['values', values], [scalarNames.step, scalar(step)], ...rates]))).get('loss')!.data[0]!;

    const losses = [await take(1), await take(2), await take(3)];
    const { parameters } = parted(await loop.read());
    losses.push(await take(4));
    await loop.close();
    expect(largestDifference(losses, expected.adam[lossKey])).toBeLessThan(2e-6);
    for (const [parameter, { data }] of await fixture.tensors(file)) {
      expect(largestDifference(parameters.get(parameter)!.data, data), parameter).toBeLessThan(5e-6);
    }
  });
});

const near = (expected: readonly number[]) => expected.map((value) => expect.closeTo(value, 6));

optimizersConform(optimizerFamilies.map(({ name }) => name));

describe('one step by hand', () => {
  it('of adam is the rate along the sign of the decayed gradient', async () => {
    const moved = await update({ name: 'adam', complexMoments: 'separate' }, () => 0.01, 0.2);
    expect([...moved.get('matrix')!.data]).toEqual(near([0.99, -1.99, 2.99, 0.49]));
  });

  it('of adam with shared moments keeps the direction of a complex gradient', async () => {
    const moved = await update({ name: 'adam' }, () => 0.01, 0);
    expect([...moved.get('spectral')!.data]).toEqual(near([0.3 - 0.006, -0.4 - 0.008, 0.1 - 0.006, 0.2 + 0.008]));
  });

  it('of adamw shrinks first, then moves by the rate', async () => {
    const moved = await update({ name: 'adamw' }, () => 0.01, 0.1);
    expect([...moved.get('matrix')!.data]).toEqual(
      near([1, -2, 3, 0.5].map((value, index) => value * 0.999 - [0.01, 0.01, -0.01, 0.01][index]!)),
    );
  });

  it('of sgd, twice, gathers momentum', async () => {
    const moved = await update({ name: 'sgd', momentum: 0.5 }, () => 0.1, 0, 2);
    expect([...moved.get('norm')!.data]).toEqual(near([1 - 0.1 * (0.5 + 0.75), 1 + 0.1 * (0.5 + 0.75)]));
  });
});
