/** Measures the model in the middle of an epoch, where rates are set within it. */
import type { RateChanges } from '../training/train-epoch.ts';
import { balance, measure, measuredLayers } from './balanced-rates.ts';
import type { TaskContext } from './context.ts';
import { measurementsOf, stepsBefore } from './rate-timing.ts';
import type { Measurement, RateRecord, RunRecord } from './records.ts';

/** The rates of an epoch in its course. */
export interface RatesWithin {
  readonly changes: RateChanges;
  /** The rates in force now. */
  inForce(): RateRecord;
  /** The measurements so far. */
  readonly measurements: readonly Measurement[];
}

/** After each step of the epoch at which rates are set, the model is measured, and the rest of the epoch has the new rates. */
export function ratesWithin(ctx: TaskContext, record: RunRecord, epoch: number, rates: RateRecord): RatesWithin {
  const first = stepsBefore(record, epoch);
  const measurements: Measurement[] = [];
  let inForce = rates;
  return {
    measurements,
    inForce: () => inForce,
    changes: {
      after: measurementsOf(record, epoch),
      async set(step, read) {
        const spectra = await measure(ctx, record, { read }, measuredLayers(record));
        const steps = first + step;
        const set = balance(ctx, record, spectra, { steps, before: inForce });
        inForce = set.rates;
        measurements.push({ steps, ...set.report.summary, layers: inForce.layers });
        return { rates: inForce.parameters, ramp: inForce.ramp };
      },
    },
  };
}
