import { describe, expect, it } from 'vitest';
import {
  countMeasurements,
  endsTooEarly,
  measurementsWithin,
  setsRatesAfter,
  type TimingConfig,
} from '../../shared/schedules/timing.ts';

const length = { epochs: 5, stepsPerEpoch: 30 };

/** After how many steps of the run rates are set, by asking for every epoch. */
function allMeasurements(timing: TimingConfig, { epochs, stepsPerEpoch } = length): number[] {
  const of = { epochs, stepsPerEpoch };
  return Array.from({ length: epochs + 1 }, (_, epoch) => [
    ...(epoch > 0 ? measurementsWithin(epoch, timing, of).map((step) => (epoch - 1) * stepsPerEpoch + step) : []),
    ...(setsRatesAfter(epoch, timing, of) ? [epoch * stepsPerEpoch] : []),
  ]).flat();
}

describe('rates are set', () => {
  it('before training and after every so many epochs', () => {
    expect(allMeasurements({ every: 1 })).toEqual([0, 30, 60, 90, 120, 150]);
    expect(allMeasurements({ every: 2 })).toEqual([0, 60, 120]);
  });

  it('after every so many steps of the run, within epochs that are longer', () => {
    expect(allMeasurements({ every: { steps: 20 } })).toEqual([0, 20, 40, 60, 80, 100, 120, 140]);
    expect(measurementsWithin(1, { every: { steps: 20 } }, length)).toEqual([20]);
    expect(measurementsWithin(2, { every: { steps: 20 } }, length)).toEqual([10]);
  });

  it('only before training where the steps between are more than the run has', () => {
    expect(allMeasurements({ every: { steps: 500 } })).toEqual([0]);
  });

  it('up to the end of an epoch, or a share of the steps, and no more after it', () => {
    expect(allMeasurements({ every: 1, until: { epoch: 2 } })).toEqual([0, 30, 60]);
    expect(allMeasurements({ every: { steps: 20 }, until: { share: 0.4 } })).toEqual([0, 20, 40, 60]);
    // 0.7 * 30 is 20.999… in floating point.
    expect(allMeasurements({ every: { steps: 21 }, until: { share: 0.7 } }, { epochs: 1, stepsPerEpoch: 30 })).toEqual([
      0, 21,
    ]);
  });

  it('as often as is counted beforehand, but for one after the last step', () => {
    for (const timing of [
      { every: 1 },
      { every: 2 },
      { every: { steps: 7 } },
      { every: { steps: 20 }, until: { share: 0.4 } },
      { every: 1, until: { epoch: 2 } },
    ] satisfies TimingConfig[]) {
      const all = allMeasurements(timing).filter((steps) => steps < 150);
      expect(countMeasurements(timing, length), JSON.stringify(timing)).toBe(all.length);
    }
  });
});

describe('an end before the first analysis of the training', () => {
  it('is told, with both settings', () => {
    expect(endsTooEarly({ every: 5, until: { epoch: 3 } }, 10)).toBe(
      'epoch 3 comes before the first analysis of the training, after epoch 5 (balance.every), so the rates would never change',
    );
    expect(endsTooEarly({ every: 3, until: { share: 0.2 } }, 10)).toContain('0.2 of 10 epochs');
  });

  it('is none where an analysis falls on it, or before', () => {
    expect(endsTooEarly({ every: 2, until: { share: 0.2 } }, 10)).toBeUndefined();
    expect(endsTooEarly({ every: 1, until: { epoch: 1 } }, 10)).toBeUndefined();
    expect(endsTooEarly({ every: 20 }, 10)).toBeUndefined();
  });
});
