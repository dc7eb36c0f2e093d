import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closingSeconds, endingSeconds, type JobPrice } from '../../shared/decisions/spending.ts';
import {
  attemptSeconds,
  epochsPerTask,
  isBudgetCap,
  jobStateSeconds,
  withinHours,
} from '../../shared/decisions/task-length.ts';

const price: JobPrice = {
  resource: { kind: 'instance', instance: 'g5.xlarge' },
  usdPerSecond: 0.001,
  startSeconds: 60,
  requestUsd: { s3Write: 0, s3Read: 0 },
  reserveUsd: 1,
};

describe('the limit of a job', () => {
  it('is a day without a budget: longer is a hang', () => {
    expect(attemptSeconds({ seconds: 1e9 }, {})).toBe(86_400);
    expect(isBudgetCap(attemptSeconds({ seconds: 0 }, {}))).toBe(false);
  });
  it('is what is left of hours or dollars, whichever is less', () => {
    expect(attemptSeconds({ seconds: 600.5 }, { hours: 1 })).toBe(2999);
    expect(attemptSeconds({ seconds: 600 }, { hours: 1, usd: 1, usdPerHour: 2 })).toBe(1200);
    expect(isBudgetCap(attemptSeconds({ seconds: 600 }, { hours: 1 }))).toBe(true);
  });
  it('is what the dollars left pay for on a metered machine, its start, its end and what is kept left out', () => {
    expect(attemptSeconds({ seconds: 1e6, usd: 1 }, { usd: 4 }, price)).toBe(1900);
    expect(attemptSeconds({ seconds: 3000, usd: 1 }, { usd: 4, hours: 1 }, price)).toBe(600);
    expect(attemptSeconds({ seconds: 1e6, usd: 1 }, { usd: 4, usdPerHour: 1000 }, price)).toBe(1900);
  });
  it('is never less than the service takes', () => {
    expect(attemptSeconds({ seconds: 3599 }, { hours: 1 })).toBe(60);
    expect(attemptSeconds({ seconds: 1e9 }, { hours: 1 })).toBe(60);
  });
});

describe('how long the workflow waits for a job', () => {
  it('is its wait in the queue, its own time, and ten minutes for its start and end', () => {
    expect(jobStateSeconds(1800, 3600, { seconds: 1e9 }, {})).toBe(6000);
  });
  it('is no longer than the hours left, of which waiting takes its part', () => {
    expect(jobStateSeconds(3000, 43_200, { seconds: 600 }, { hours: 1 })).toBe(3600);
    expect(jobStateSeconds(60, 43_200, { seconds: 1e9 }, { hours: 1 })).toBe(660);
  });
});

describe('what a budget in hours leaves for a job that waits and runs', () => {
  it('ends in time for a job that hangs to be killed, and for the workflow to be told', () => {
    expect(withinHours({ seconds: 600.5 }, 1)).toEqual({ job: 2999 - 75, state: 2999 - 55 });
    expect(withinHours({ seconds: 1e9 }, 1)).toEqual({ job: 1, state: 1 });
  });

  it('is never past the budget, whenever the job leaves its queue', () => {
    const seconds = fc.double({ min: 0, max: 7200, noNaN: true });
    fc.assert(
      fc.property(seconds, seconds, fc.double({ min: 0.1, max: 2, noNaN: true }), (spent, waited, hours) => {
        const { job, state } = withinHours({ seconds: spent }, hours);
        const ends = Math.max(waited, Math.min(job, state));
        const killed = Math.min(state, waited + attemptSeconds({ seconds: spent }, { hours })) + endingSeconds;
        if (3600 * hours - spent < closingSeconds + 1 || waited > job) return;
        expect(spent + ends).toBeLessThanOrEqual(3600 * hours);
        expect(spent + Math.min(killed, state + endingSeconds)).toBeLessThanOrEqual(3600 * hours);
      }),
    );
  });
});

describe('the epochs of a task', () => {
  const unlimited = Number.POSITIVE_INFINITY;
  it('are as many as the settings say', () => {
    expect(epochsPerTask(7, { startSeconds: 0, epochSeconds: 1e6, secondsLeft: 0 })).toBe(7);
  });
  it('are one each where a task is started for nothing', () => {
    expect(epochsPerTask('auto', { startSeconds: 0, epochSeconds: 0.1, secondsLeft: unlimited })).toBe(1);
    expect(epochsPerTask('auto', { startSeconds: 0, epochSeconds: undefined, secondsLeft: unlimited })).toBe(1);
  });
  it('are the first two until one is measured', () => {
    expect(epochsPerTask('auto', { startSeconds: 90, epochSeconds: undefined, secondsLeft: unlimited })).toBe(2);
  });
  it('make the start a tenth of the time', () => {
    expect(epochsPerTask('auto', { startSeconds: 90, epochSeconds: 10, secondsLeft: unlimited })).toBe(81);
    expect(epochsPerTask('auto', { startSeconds: 90, epochSeconds: 900, secondsLeft: unlimited })).toBe(1);
  });
  it('fit what is left of the budget, and half an hour; a single epoch may be longer', () => {
    const seconds = fc.double({ min: 0.01, max: 1e5, noNaN: true });
    fc.assert(
      fc.property(
        seconds,
        seconds,
        fc.double({ min: -1e5, max: 1e6, noNaN: true }),
        (startSeconds, epochSeconds, secondsLeft) => {
          const epochs = epochsPerTask('auto', { startSeconds, epochSeconds, secondsLeft });
          expect(Number.isInteger(epochs) && epochs >= 1).toBe(true);
          if (epochs > 1) expect(epochs * epochSeconds).toBeLessThanOrEqual(Math.min(secondsLeft, 1800) * (1 + 1e-9));
          const bounded = Math.min(secondsLeft, 1800) < (epochs + 1) * epochSeconds;
          if (!bounded) expect(startSeconds / (startSeconds + epochs * epochSeconds)).toBeLessThanOrEqual(0.1 + 1e-9);
        },
      ),
    );
  });
});
