import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Budget, budgetSchema, type Convergence, convergenceSchema } from '../../shared/decisions/config.ts';
import { decide, type Observation, observe, type Progress, progressSchema } from '../../shared/decisions/decide.ts';

const lower: Convergence = { ...convergenceSchema.parse({}), metric: 'nRMSE', direction: 'lower' };
const higher: Convergence = { ...lower, direction: 'higher' };

/** The progress after epochs 0, 1, ... with these values, each of so many seconds. */
function progressAfter(values: readonly number[], convergence: Convergence, seconds = 10): Progress {
  let progress: Progress | undefined;
  for (const [epoch, value] of values.entries()) progress = observe(progress, { epoch, value, seconds }, convergence);
  return progress!;
}

/** What is decided after these values. */
function decision(
  values: readonly number[],
  {
    convergence = {},
    budget = {},
    epochs = 10,
  }: { convergence?: Partial<Convergence>; budget?: Budget; epochs?: number },
  seconds = 10,
) {
  const settings = { ...lower, ...convergence };
  return decide(progressAfter(values, settings, seconds), values.at(-1)!, { epochs, convergence: settings, budget });
}

describe('the best epoch', () => {
  it('is the lowest where lower is better, the first of equals', () => {
    expect(progressAfter([5, 3, 4, 3, 6], lower).best).toEqual({ epoch: 1, value: 3 });
  });

  it('is the highest where higher is better', () => {
    expect(progressAfter([0.5, 0.7, 0.6], higher).best).toEqual({ epoch: 1, value: 0.7 });
  });

  it('may be epoch 0, the model before training', () => {
    expect(progressAfter([1, 2, 3], lower)).toMatchObject({
      best: { epoch: 0, value: 1 },
      epochsWithoutImprovement: 2,
    });
  });

  it('changes with any better value; minDelta decides what counts as an improvement for patience', () => {
    const convergence = { ...lower, minDelta: 0.5 };
    expect(progressAfter([5, 4.5], convergence)).toMatchObject({ best: { epoch: 1 }, epochsWithoutImprovement: 1 });
    expect(progressAfter([5, 4.49], convergence)).toMatchObject({ best: { epoch: 1 }, epochsWithoutImprovement: 0 });
    expect(progressAfter([5, 4.7, 4.4], convergence)).toMatchObject({ reference: 4.4, epochsWithoutImprovement: 0 });
    expect(progressAfter([5, 5.5, 5.6], { ...convergence, direction: 'higher' }).best).toEqual({
      epoch: 2,
      value: 5.6,
    });
  });

  it('is never one without a finite value', () => {
    expect(progressAfter([Number.NaN], lower)).toMatchObject({ best: null, epochsWithoutImprovement: 0 });
    expect(progressAfter([Number.NEGATIVE_INFINITY, 7], lower).best).toEqual({ epoch: 1, value: 7 });
    expect(progressAfter([Number.POSITIVE_INFINITY, 7], higher).best).toEqual({ epoch: 1, value: 7 });
    expect(progressAfter([3, Number.NaN, 2], lower).best).toEqual({ epoch: 2, value: 2 });
    expect(progressAfter([3, Number.NaN], lower)).toMatchObject({ best: { epoch: 0 }, epochsWithoutImprovement: 1 });
  });
});

describe('progress', () => {
  const value = fc.oneof(fc.double(), fc.integer({ min: -3, max: 3 }));
  const values = fc.array(value, { minLength: 1, maxLength: 20 });
  const settings = fc.record({ direction: fc.constantFrom('lower', 'higher'), minDelta: fc.nat(2) });

  it('is what it was, after it was written and read', () => {
    fc.assert(
      fc.property(values, settings, fc.double({ min: 0, max: 1e6, noNaN: true }), (seen, changes, seconds) => {
        const progress = progressAfter(seen, { ...lower, ...changes } as Convergence, seconds);
        expect(progressSchema.parse(JSON.parse(JSON.stringify(progress)))).toEqual(
          JSON.parse(JSON.stringify(progress)),
        );
      }),
    );
  });

  it('is a fold: it depends on nothing but the progress before and the epoch', () => {
    fc.assert(
      fc.property(values, settings, (seen, changes) => {
        const convergence = { ...lower, ...changes } as Convergence;
        let stored: Progress | undefined;
        for (const [epoch, current] of seen.entries()) {
          const observation: Observation = { epoch, value: current, seconds: 1 };
          const before = JSON.stringify(stored);
          const next = observe(stored, observation, convergence);
          expect(observe(stored, observation, convergence)).toEqual(next);
          expect(JSON.stringify(stored)).toBe(before);
          stored = JSON.parse(JSON.stringify(next)) as Progress;
        }
        expect(stored).toEqual(JSON.parse(JSON.stringify(progressAfter(seen, convergence, 1))));
      }),
    );
  });

  it('has for its best the first of the best values', () => {
    fc.assert(
      fc.property(values, settings, (seen, changes) => {
        const convergence = { ...lower, ...changes } as Convergence;
        const { best, epochsWithoutImprovement } = progressAfter(seen, convergence);
        const finite = seen.filter(Number.isFinite);
        const extreme = convergence.direction === 'lower' ? Math.min(...finite) : Math.max(...finite);
        expect(best?.value).toEqual(finite.length === 0 ? undefined : seen[best!.epoch]);
        if (best) expect(best.epoch).toBe(seen.indexOf(extreme));
        expect(epochsWithoutImprovement).toBeLessThan(seen.length);
      }),
    );
  });

  it('adds up the time, and expects of the next epoch what the slowest took, epoch 0 left out', () => {
    let progress = observe(undefined, { epoch: 0, value: 1, seconds: 100 }, lower);
    expect(progress).toMatchObject({ seconds: 100, slowestEpochSeconds: 0 });
    progress = observe(progress, { epoch: 1, value: 1, seconds: 30 }, lower);
    progress = observe(progress, { epoch: 2, value: 1, seconds: 20 }, lower);
    expect(progress).toMatchObject({ seconds: 150, slowestEpochSeconds: 30 });
  });
});

describe('the decision', () => {
  it('is to train on, until the last epoch', () => {
    expect(decision([5], { epochs: 2 })).toMatchObject({ next: 'train', outcome: 'running', reason: '2 epochs to go' });
    expect(decision([5, 4], { epochs: 2 })).toMatchObject({ next: 'train', outcome: 'running' });
    expect(decision([5, 4, 3], { epochs: 2 })).toEqual({
      next: 'finalise',
      outcome: 'completed',
      reason: 'all 2 epochs are trained',
    });
  });

  it('is to stop when there are already more epochs than are asked for', () => {
    expect(decision([5, 4, 3, 2], { epochs: 1 })).toMatchObject({ next: 'finalise', outcome: 'completed' });
  });

  it('is to stop when the patience is used up, and not before', () => {
    const convergence = { patience: 2 };
    expect(decision([5, 6], { convergence })).toMatchObject({ next: 'train' });
    expect(decision([5, 6, 5], { convergence })).toMatchObject({
      next: 'finalise',
      outcome: 'converged',
      reason: 'nRMSE did not improve for 2 epochs',
    });
    expect(decision([5, 6, 4, 6], { convergence })).toMatchObject({ next: 'train' });
  });

  it('counts an improvement below minDelta as none', () => {
    const convergence = { patience: 2, minDelta: 1 };
    expect(decision([5, 4.5, 4.1], { convergence })).toMatchObject({ outcome: 'converged' });
    expect(decision([5, 4.5, 3.9], { convergence })).toMatchObject({ outcome: 'running' });
  });

  it.each([
    ['lower', 0.1, 0.11, 0.1],
    ['higher', 0.9, 0.89, 0.9],
  ] as const)('is to stop at the target where %s is better', (direction, target, short, enough) => {
    const convergence = { direction, target };
    expect(decision([0.5, short], { convergence })).toMatchObject({ next: 'train' });
    expect(decision([0.5, enough], { convergence })).toMatchObject({
      next: 'finalise',
      outcome: 'converged',
      reason: `nRMSE reached the target of ${target}`,
    });
  });

  it('may fall at epoch 0', () => {
    expect(decision([0.05], { convergence: { target: 0.1 } })).toMatchObject({ outcome: 'converged' });
  });

  it('takes no value that is not finite for the target', () => {
    for (const direction of ['lower', 'higher'] as const) {
      expect(decision([Number.NaN], { convergence: { direction, target: 1 } })).toMatchObject({ next: 'train' });
    }
  });

  it('is to stop when the next epoch would exceed the hours', () => {
    const budget = { hours: 1 };
    expect(decision([5, 4], { budget }, 1200)).toMatchObject({ next: 'train' });
    expect(decision([5, 4, 3], { budget }, 1200)).toEqual({
      next: 'finalise',
      outcome: 'budget',
      reason: 'the next epoch would exceed the budget of 1 h',
    });
  });

  it('is to stop when the next epoch would exceed the dollars', () => {
    const budget = { usd: 2, usdPerHour: 2 };
    expect(decision([5, 4], { budget }, 1200)).toMatchObject({ next: 'train' });
    expect(decision([5, 4, 3], { budget }, 1200)).toEqual({
      next: 'finalise',
      outcome: 'budget',
      reason: 'the next epoch would exceed the budget of 2 USD',
    });
  });

  it('is completed rather than out of budget after the last epoch', () => {
    expect(decision([5, 4], { epochs: 1, budget: { hours: 1 } }, 3600)).toMatchObject({ outcome: 'completed' });
  });
});

describe('settings', () => {
  it('refuse a direction against the metric', () => {
    expect(convergenceSchema.safeParse({ metric: 'nRMSE', direction: 'higher' }).success).toBe(false);
  });

  it('take dollars without a price: a deployment knows it', () => {
    expect(budgetSchema.safeParse({ usd: 5 }).success).toBe(true);
  });
});
