import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuSpeed, type Speed } from '../../shared/decisions/assumptions.ts';
import { computeSchema } from '../../shared/decisions/compute.ts';
import {
  cloudPlace,
  estimateRun,
  type Place,
  type PlannedRun,
  stepSecondsOf,
  thisMachine,
} from '../../shared/decisions/estimate.ts';
import { prices as base } from '../support/metered-run.ts';

const instances = Object.fromEntries(
  ['g4dn', 'g5', 'g6', 'g6e'].flatMap((type, index) => [
    [`${type}.xlarge`, 0.5 + index],
    [`${type}.2xlarge`, 0.75 + index],
  ]),
);
const prices = { ...base, instances };

/** Ten steps of a second and two evaluated batches, on a machine of 1e9 operations a second. */
const planned: PlannedRun = {
  size: {
    parameters: 1e6,
    frozen: 0,
    stateNumbers: 2,
    trainingSamples: 40,
    validationSamples: 6,
    stepFlops: 3e9,
    stepActivations: 0,
    passes: 1,
    analysisFlops: 2.5e10,
    stepsPerEpoch: 10,
    analysesPerEpoch: 1,
  },
  training: { epochs: 9, batchSize: 4 },
  compute: computeSchema.parse({ epochsPerTask: 5 }),
  budget: {},
  keep: 2,
};
const machine: Place = {
  name: 'made up',
  speed: { flops: 1e9, bytes: Number.POSITIVE_INFINITY },
  leastStepSeconds: 0,
  usdPerSecond: 0.001,
  countedUsdPerSecond: 0.002,
  cloud: { startSeconds: 50, prices },
};

/** This machine, on which a step of the planned run takes 3 s. */
const here = (budget: PlannedRun['budget']): Place => {
  const computing = { threads: 2, isCompiled: true };
  const correction = 3 / stepSecondsOf(planned.size, thisMachine(budget, computing));
  return thisMachine(budget, { ...computing, correction });
};

describe('a step', () => {
  const size = { ...planned.size, stepActivations: 1e6, passes: 5 };
  const place = { ...machine, speed: { flops: 1e9, bytes: 1e8 } };

  it('takes the time of its products and of what it moves through memory, parameters and their state included', () => {
    const moved = 4 * (16 * 1e6 + 1e6 * (6 * 5 + 2 + 10 * 2));
    expect(stepSecondsOf(size, place)).toBeCloseTo(3 + moved / 1e8, 12);
    expect(stepSecondsOf(size, { ...place, leastStepSeconds: 10 })).toBe(10);
  });

  it('is corrected by what was measured, everywhere and by as much', () => {
    const computing = { isCompiled: true, correction: 2 };
    const plain = { isCompiled: true };
    const pairs = [
      [thisMachine({}, { threads: 2, ...plain }), thisMachine({}, { threads: 2, ...computing })],
      [cloudPlace('cpu', prices, plain), cloudPlace('cpu', prices, computing)],
      [cloudPlace('gpu', prices, plain), cloudPlace('gpu', prices, computing)],
    ] as const;
    for (const [assumed, corrected] of pairs) {
      expect(stepSecondsOf(size, corrected)).toBeCloseTo(2 * stepSecondsOf(size, assumed), 12);
    }
  });

  it('gains from threads in its products alone, up to eight of them, and is slower where it is not compiled', () => {
    const [two, four, many] = [2, 4, 64].map((threads) => cpuSpeed(threads, true)) as [Speed, Speed, Speed];
    expect(four).toEqual({ flops: 2 * two.flops, bytes: two.bytes });
    expect(many.flops).toBe(4 * two.flops);
    expect(cpuSpeed(2, false).flops).toBeLessThan(two.flops / 10);
  });
});

describe('the estimate of a run', () => {
  it('adds up steps, evaluations, analyses, starts of jobs, functions and requests', () => {
    const estimate = estimateRun(planned, machine);
    const zero = 2 + 1;
    const epoch = 30 + zero;
    const jobSeconds = zero + 9 * epoch + 2 * 50;
    const functions = 2 * 6 * (3 * 2 * prices.lambdaGbSecond + prices.lambdaRequest);
    const requests = 10 * (25 * prices.s3Write + 60 * prices.s3Read) + 2 * 12 * prices.stateTransition;
    expect(estimate).toMatchObject({ stepSeconds: 3, epochsPerJob: 5, jobs: 2, limit: 'epochs', epochsInBudget: 9 });
    expect(estimate.seconds).toBeCloseTo(jobSeconds + 2 * 18, 9);
    expect(estimate.parts!.jobs).toBeCloseTo(jobSeconds * 0.001, 12);
    expect(estimate.parts!.functions).toBeCloseTo(functions, 12);
    expect(estimate.parts!.requests).toBeCloseTo(requests, 12);
    expect(estimate.usd).toBeCloseTo(jobSeconds * 0.001 + functions + requests, 12);
    expect(estimate.epochUsd).toBeCloseTo(estimate.usd! / 10, 12);
    expect(estimate.storageUsdAMonth).toBeCloseTo(((4 * 4 + 8 * 2) / 1000) * prices.s3GbMonth, 12);
  });

  it('counts two measurements on test data, which are not a part of an epoch and which no budget stops', () => {
    const without = estimateRun(planned, machine);
    const size = { ...planned.size, testSamples: 10 };
    const estimate = estimateRun({ ...planned, size }, machine);
    expect(without.testSeconds).toBe(0);
    expect(estimate.testSeconds).toBeCloseTo(2 * 3, 9);
    expect(estimate.seconds).toBeCloseTo(without.seconds + 6, 9);
    expect(estimate.usd).toBeCloseTo(without.usd! + 6 * 0.001, 12);
    expect(estimate.epochSeconds).toBe(without.epochSeconds);
    const hours = without.seconds / 3600;
    expect(estimateRun({ ...planned, size, budget: { hours } }, machine)).toMatchObject({ limit: 'epochs' });
  });

  it('of this machine has no starts, functions or requests, and no cost without a price', () => {
    expect(estimateRun(planned, here({}))).toMatchObject({
      stepSeconds: 3,
      epochsPerJob: 1,
      seconds: 3 + 9 * 33,
      usd: null,
      storageUsdAMonth: null,
    });
    expect(estimateRun(planned, here({ usdPerHour: 3.6 })).usd).toBeCloseTo(0.3, 9);
  });

  it('stops where time or money are used up, the money as the meter counts it', () => {
    const budgeted = (budget: PlannedRun['budget']) => estimateRun({ ...planned, budget }, machine);
    expect(budgeted({ hours: 0.05 })).toMatchObject({ limit: 'hours', epochsInBudget: 3 });
    expect(budgeted({ usd: 0.3 })).toMatchObject({ limit: 'usd', epochsInBudget: 2 });
    expect(budgeted({ usd: 100, hours: 10 })).toMatchObject({ limit: 'epochs', epochsInBudget: 9 });
    expect(budgeted({ usd: 0.0001 })).toMatchObject({ limit: 'usd', epochsInBudget: 0 });
    expect(budgeted({ usd: 0.29 }).refused).toBe(true);
    expect(budgeted({ usd: 0.32 }).refused).toBe(false);
    expect(estimateRun({ ...planned, budget: { usd: 0.0001 } }, here({})).refused).toBe(false);
  });

  it('never says that less budget is enough for more epochs', () => {
    const usd = fc.double({ min: 0, max: 2, noNaN: true });
    fc.assert(
      fc.property(usd, usd, (a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)].map((each) =>
          estimateRun({ ...planned, budget: { usd: each } }, machine),
        );
        expect(less!.epochsInBudget).toBeLessThanOrEqual(more!.epochsInBudget);
      }),
    );
  });
});

describe('a place in the cloud', () => {
  const compiled = { isCompiled: true };

  it('is Fargate at its price, or the cheapest GPU, counted at the dearest that a job may get', () => {
    expect(cloudPlace('cpu', prices, compiled).usdPerSecond).toBeCloseTo(0.224 / 3600, 15);
    const cheapest = cloudPlace('gpu', prices, compiled);
    expect(cheapest).toMatchObject({
      name: 'gpu: g4dn.xlarge',
      usdPerSecond: 0.5 / 3600,
      countedUsdPerSecond: 2.5 / 3600,
    });
    const few = { ...prices, instances: { 'g5.xlarge': 2, 'g6.xlarge': 1.5, 'p5.xlarge': 0.1 } };
    expect(cloudPlace('gpu', few, compiled)).toMatchObject({
      name: 'gpu: g6.xlarge',
      usdPerSecond: 1.5 / 3600,
      countedUsdPerSecond: 2 / 3600,
    });
    expect(() => cloudPlace('gpu', { ...prices, instances: { 'g6e.xlarge': 2 } }, compiled)).toThrow('--target cpu');
  });
});
