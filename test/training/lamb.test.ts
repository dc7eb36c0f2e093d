import { describe, expect, it } from 'vitest';
import type { ParameterSpec } from '../../shared/tensors/layer.ts';
import { buildOptimizer, optimizerSchema } from '../../shared/training/optimizers/registry.ts';
import { readGoldenSteps, relativeDifference, takeGoldenSteps } from '../support/optimizer-steps.ts';

type Steps = Record<string, number[]>[];
const golden = await readGoldenSteps<{ settings: object; after: { weights: Steps; all: Steps } }>('lamb');

const specs: ParameterSpec[] = [
  { name: 'matrix', shape: [3, 4], decay: true },
  { name: 'kernel', shape: [2, 3, 2], decay: true },
  { name: 'spectral', shape: [2, 3, 2], decay: true, complex: true },
  { name: 'vector', shape: [5], decay: false },
  { name: 'zero', shape: [4, 2], decay: true },
];

describe('lamb', () => {
  it.each([
    [false, golden.after.weights],
    [true, golden.after.all],
  ])('takes the steps of the published algorithm, with adaptVectors %s', async (adaptVectors, after) => {
    const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'lamb', ...golden.settings, adaptVectors }));
    const steps = await takeGoldenSteps(optimizer, specs, golden);
    expect(steps).toHaveLength(4);
    for (const [step, { parameters }] of steps.entries()) {
      for (const { name } of specs) {
        const expected = after[step]![name]!;
        expect(relativeDifference(parameters.get(name)!.data, expected), `${name}, ${step}`).toBeLessThan(1e-6);
      }
    }
  });

  it('moves a matrix by the rate times its length', async () => {
    const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'lamb' }));
    const start = { matrix: [3, 0, 0, 4] };
    const gradients = [{ matrix: [1e-3, 2e-3, -3e-3, 4e-3] }];
    const [step] = await takeGoldenSteps(
      optimizer,
      [specs[0]!].map((spec) => ({ ...spec, shape: [2, 2] })),
      {
        weightDecay: 0,
        learningRates: [0.01],
        start,
        gradients,
      },
    );
    const moved = step!.parameters.get('matrix')!.data.map((value, index) => value - start.matrix[index]!);
    expect(Math.hypot(...moved)).toBeCloseTo(0.01 * 5, 6);
  });
});
