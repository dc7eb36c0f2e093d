import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../shared/core/errors.ts';
import {
  learningRateCurve,
  learningRateCurveSchema,
  learningRateCurves,
} from '../../../shared/training/learning-rate-curves/registry.ts';
import { readJsonFixture } from '../../support/fixtures.ts';

interface PublishedCurve {
  base_lr: number;
  lr: number[];
  total_steps?: number;
  warmup_steps?: number;
  step_size?: number;
  gamma?: number;
}

const curveOf = (config: object, stepsPerEpoch: number, epochs: number) =>
  learningRateCurve(learningRateCurveSchema.parse(config), { stepsPerEpoch, epochs });

describe('a base schedule', async () => {
  const published = await readJsonFixture<Record<string, PublishedCurve>>('schedule', 'curves.json');
  const names: Record<string, string> = {
    linear_warmup_linear_decay: 'linear',
    linear_decay_no_warmup: 'linear',
    linear_warmup_cosine: 'cosine',
    step_lr: 'step',
  };

  it.each(Object.keys(published))('follows the published curve %s at every step', (key) => {
    const { base_lr, lr, total_steps, warmup_steps, step_size, gamma } = published[key]!;
    const settings = names[key] === 'step' ? { stepSize: step_size, gamma } : { warmUpSteps: warmup_steps };
    const curve = curveOf({ name: names[key], ...settings }, 1, total_steps ?? lr.length - 1);
    lr.forEach((rate, step) => {
      expect(Math.abs(base_lr * curve(step) - rate), `step ${step}`).toBeLessThanOrEqual(1e-9 * rate);
    });
  });

  const { baseRate, stepsPerEpoch, epochs, curves } = await readJsonFixture<{
    baseRate: number;
    stepsPerEpoch: number;
    epochs: number;
    curves: { settings: object; rates: number[] }[];
  }>('schedule', 'schedulers.json');

  it.each(curves)('of $settings has the rates of transformers and torch at every step', ({ settings, rates }) => {
    const curve = curveOf(settings, stepsPerEpoch, epochs);
    rates.forEach((rate, step) => {
      expect(Math.abs(baseRate * curve(step) - rate), `step ${step}`).toBeLessThanOrEqual(1e-9 * rate);
    });
  });

  it('counts epochs, not optimizer steps, between the drops of a step schedule', () => {
    const curve = curveOf({ name: 'step', stepSize: 2, gamma: 0.1 }, 3, 6);
    expect([0, 5, 6, 11, 12].map(curve)).toEqual([1, 1, 0.1, 0.1, 0.1 ** 2]);
  });

  it('rounds a warm-up ratio up to whole steps', () => {
    const curve = curveOf({ name: 'constant', warmUpRatio: 0.07 }, 5, 10);
    expect([0, 1, 2, 3, 4, 50].map(curve)).toEqual([0, 0.25, 0.5, 0.75, 1, 1]);
    expect(curveOf({ name: 'constant', warmUpRatio: 0.07 }, 100, 1)(7)).toBe(1);
    expect(curveOf({ name: 'linear', warmUpRatio: 0.07 }, 100, 1)(7)).toBe(1);
  });

  it('refuses a warm-up longer than training', () => {
    expect(() => curveOf({ name: 'linear', warmUpSteps: 11 }, 5, 2)).toThrow(UserError);
    expect(() => curveOf({ name: 'linear', warmUpSteps: 11 }, 5, 2)).toThrow('training, which has 10 (2 epochs of 5)');
  });

  it('refuses a ratio and a number of warm-up steps together', () => {
    const parsed = learningRateCurveSchema.safeParse({ name: 'cosine', warmUpRatio: 0.1, warmUpSteps: 3 });
    expect(parsed.error?.issues[0]?.message).toBe('give warmUpRatio or warmUpSteps, not both');
  });

  it('stays between 0 and 1 for every length of training and warm-up, no steps included', () => {
    const name = fc.constantFrom(...learningRateCurves.map((family) => family.name));
    const count = fc.integer({ min: 0, max: 6 });
    fc.assert(
      fc.property(
        name,
        count,
        count,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (given, perEpoch, epochs, warmUpRatio) => {
          const family = learningRateCurves.find((each) => each.name === given)!;
          const hasWarmUp = 'warmUpRatio' in family.configSchema.shape;
          const curve = curveOf({ name: given, ...(hasWarmUp ? { warmUpRatio } : {}) }, perEpoch, epochs);
          for (let step = 0; step <= perEpoch * epochs + 1; step++) {
            expect(curve(step) >= 0 && curve(step) <= 1).toBe(true);
          }
        },
      ),
      { seed: 1 },
    );
  });
});
