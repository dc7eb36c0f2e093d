import { describe, expect, it } from 'vitest';
import type { ParameterSpec } from '../../shared/tensors/layer.ts';
import { buildOptimizer, optimizerSchema } from '../../shared/training/optimizers/registry.ts';
import { readGoldenSteps, relativeDifference, takeGoldenSteps } from '../support/optimizer-steps.ts';

const golden = await readGoldenSteps<{ settings: object; after: { lars: Record<string, number[]>[] } }>('lars');

const specs: ParameterSpec[] = [
  { name: 'matrix', shape: [3, 4], decay: true },
  { name: 'kernel', shape: [2, 3, 2], decay: true },
  { name: 'spectral', shape: [2, 3, 2], decay: true, complex: true },
  { name: 'vector', shape: [5], decay: false },
  { name: 'zero', shape: [4, 2], decay: true },
];

describe('lars', () => {
  it('takes the steps of the published algorithm, by the rate alone where weights or gradient are zero', async () => {
    const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'lars', ...golden.settings, vectorRate: 1 }));
    const steps = await takeGoldenSteps(optimizer, specs, golden);
    expect(steps).toHaveLength(4);
    for (const [step, { parameters }] of steps.entries()) {
      for (const { name } of specs) {
        const expected = golden.after.lars[step]![name]!;
        expect(relativeDifference(parameters.get(name)!.data, expected), `${name}, ${step}`).toBeLessThan(1e-6);
      }
    }
  });

  it('moves a matrix by trustCoefficient of its length at rate 1, however long the gradient is', async () => {
    const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'lars' }));
    for (const scale of [1e-6, 1, 1e6]) {
      const matrix: ParameterSpec = { name: 'matrix', shape: [2, 2], decay: true };
      const given = { weightDecay: 0, learningRates: [1], start: { matrix: [3, 0, 0, 4] } };
      const gradients = [{ matrix: [0, scale, 0, 0] }];
      const [step] = await takeGoldenSteps(optimizer, [matrix], { ...given, gradients });
      expect(step!.parameters.get('matrix')!.data[1]).toBeCloseTo(-5e-3, 9);
    }
  });

  it('adapts no vector, whether it decays or not', async () => {
    const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'lars', vectorRate: 0.1 }));
    const bias = (decay: boolean): ParameterSpec => ({ name: 'bias', shape: [2], decay });
    const given = { weightDecay: 0.5, learningRates: [1], start: { bias: [1, 2] }, gradients: [{ bias: [1, -1] }] };
    const moved = async (decay: boolean) => {
      const [step] = await takeGoldenSteps(optimizer, [bias(decay)], given);
      return [...step!.parameters.get('bias')!.data];
    };
    expect(await moved(false)).toEqual([0.9, 2.1].map((value) => expect.closeTo(value, 6)));
    expect(await moved(true)).toEqual([0.85, 2].map((value) => expect.closeTo(value, 6)));
  });
});
