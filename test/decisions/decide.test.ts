import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Budget, budgetSchema, type Convergence, convergenceSchema } from '../../shared/decisions/config.ts';
import {
  decide,
  exportRemark,
  type Observation,
  observe,
  type Progress,
  progressSchema,
} from '../../shared/decisions/decide.ts';

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
    const never = Array<number>(4).fill(Number.NaN);
    expect(progressAfter(never, lower)).toMatchObject({ best: null, epochsWithoutImprovement: 0 });
  });
});

/** The progress after epochs of a classifier with these accuracies and losses. */
function classifierAfter(
  values: readonly (readonly [accuracy: number, loss?: number])[],
  { isDrawn = false, minDelta = 0 } = {},
): Progress {
  let progress: Progress | undefined;
  for (const [epoch, [value, loss]] of values.entries()) {
    const seen = { epoch, value, loss, isDrawn: isDrawn && epoch === 0, seconds: 1 };
    progress = observe(progress, seen, { ...higher, minDelta });
  }
  return progress!;
}

describe('a model of which some was drawn', () => {
  it('is never the best before training, however good it is by chance', () => {
    expect(classifierAfter([[0.9, 0.7]], { isDrawn: true })).toMatchObject({ best: null, reference: null });
    const trained = classifierAfter([[0.9], [0.5], [0.6], [0.4]], { isDrawn: true });
    expect(trained.best).toEqual({ epoch: 2, value: 0.6 });
  });

  it('has the first trained epoch as the first that patience refers to', () => {
    const progress = (count: number) =>
      classifierAfter([[0.9], [0.5], [0.5], [0.5]].slice(0, count) as [number][], { isDrawn: true });
    expect([1, 2, 3, 4].map((count) => progress(count).epochsWithoutImprovement)).toEqual([0, 0, 1, 2]);
    expect(progress(2).reference).toBe(0.5);
  });

  it('does not reach the target before training', () => {
    const convergence = { ...higher, target: 0.8 };
    const settings = { epochs: 10, convergence, budget: {} };
    expect(decide(classifierAfter([[0.9]], { isDrawn: true }), 0.9, settings).next).toBe('train');
    expect(decide(classifierAfter([[0.9]]), 0.9, settings).outcome).toBe('converged');
  });
});

describe('equal values', () => {
  it('are told apart by the validation loss', () => {
    expect(
      classifierAfter([
        [0.5, 0.7],
        [0.5, 0.6],
        [0.5, 0.65],
      ]).best,
    ).toEqual({ epoch: 1, value: 0.5, loss: 0.6 });
    expect(
      classifierAfter([
        [0.5, 0.7],
        [0.4, 0.1],
        [0.6, 2],
      ]).best,
    ).toEqual({ epoch: 2, value: 0.6, loss: 2 });
  });

  it('count as an improvement for patience where the loss is lower by more than a thousandth', () => {
    const counted = (loss: number) =>
      classifierAfter([
        [0.5, 0.7],
        [0.5, loss],
      ]).epochsWithoutImprovement;
    expect([0.69, 0.6994, 0.7, 0.8].map(counted)).toEqual([0, 1, 1, 1]);
    expect(
      classifierAfter([
        [0.5, 0.7],
        [0.5, 0.6995],
        [0.5, 0.699],
      ]),
    ).toMatchObject({
      best: { epoch: 2 },
      referenceLoss: 0.699,
      epochsWithoutImprovement: 0,
    });
  });

  it('have for the best the first with the lowest loss, whatever came before', () => {
    const few = fc.integer({ min: 0, max: 3 });
    fc.assert(
      fc.property(fc.array(fc.tuple(few, few), { minLength: 1, maxLength: 12 }), fc.boolean(), (seen, isDrawn) => {
        const { best, epochsWithoutImprovement } = classifierAfter(seen, { isDrawn });
        const candidates = seen.map(([value, loss], epoch) => ({ epoch, value, loss })).slice(isDrawn ? 1 : 0);
        const [first = null] = candidates.toSorted((a, b) => b.value - a.value || a.loss - b.loss || a.epoch - b.epoch);
        expect(best).toEqual(first);
        expect(epochsWithoutImprovement).toBe(first === null ? 0 : seen.length - 1 - first.epoch);
      }),
    );
  });

  it('leave the first the best where no loss is known, as in what an earlier version has stored', () => {
    const stored = progressSchema.parse({
      epoch: 3,
      best: { epoch: 1, value: 0.5 },
      reference: 0.5,
      epochsWithoutImprovement: 2,
      seconds: 4,
      slowestEpochSeconds: 1,
    });
    const next = observe(stored, { epoch: 4, value: 0.5, loss: 0.1, seconds: 1 }, higher);
    expect(next).toMatchObject({ best: { epoch: 1, value: 0.5 }, epochsWithoutImprovement: 3 });
    const better = observe(next, { epoch: 5, value: 0.6, loss: 0.2, seconds: 1 }, higher);
    expect(better).toMatchObject({ best: { epoch: 5, loss: 0.2 }, referenceLoss: 0.2, epochsWithoutImprovement: 0 });
  });
});

describe('what is told of the exported model', () => {
  const told = (values: readonly number[], exported: number, drawn?: string) =>
    exportRemark(progressAfter(values, lower), { exported, metric: 'nRMSE', drawn });

  it('is nothing where the best was trained', () => {
    expect(told([3, 2], 1)).toBeUndefined();
    expect(told([1, 2, Number.NaN], 2)).toBeUndefined();
  });

  it('is that training did not help where the best is the model before it', () => {
    expect(told([1, 2, 3], 0)).toBe(
      'training did not help: the model before training is the best by nRMSE, and is what is exported',
    );
  });

  it('is that nothing was trained, and what of the model was drawn', () => {
    expect(told([1], 0)).toBe('no epoch was trained to its end: the model before training is what is exported');
    expect(told([1], 0, 'classifier')).toMatch(/exported, with classifier as drawn from the seed$/);
  });

  it('is that no epoch has a finite value', () => {
    expect(told([Number.NaN, Number.POSITIVE_INFINITY], 1)).toBe(
      'nRMSE was not a finite number after any trained epoch, so none is the best: the model of epoch 1 is what is exported',
    );
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
