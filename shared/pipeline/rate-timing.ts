/** When a run is measured and its rates are set, from its record alone. */
import { measurementsWithin, type RunLength, setsRatesAfter, type TimingConfig } from '../schedules/timing.ts';
import type { RunRecord } from './records.ts';
import type { ModelRecord } from './run-model.ts';

/** The part of a run's record that decides when it is measured: its settings, and the sizes of its data. */
export type TimedRun = Pick<ModelRecord, 'config' | 'dataset'>;

/** When a run's rates are set (undefined: balancing is off), and how long the run is. */
export function timingOf({ config, dataset }: TimedRun): {
  timing: TimingConfig | undefined;
  length: RunLength;
} {
  const { epochs, batchSize } = config.training;
  const { trainingSamples = 0, stepsPerEpoch = Math.ceil(Number(trainingSamples) / batchSize) } = dataset;
  const length = { epochs, stepsPerEpoch: Math.max(1, Number(stepsPerEpoch)) };
  return { timing: config.balance === 'off' ? undefined : config.balance, length };
}

/** Whether the rates stay as they are after this epoch. It may be measured all the same, as the last epoch always is. */
export function keepsRates(settings: TimedRun, epoch: number): boolean {
  const { timing, length } = timingOf(settings);
  return timing !== undefined && !setsRatesAfter(epoch, timing, length);
}

/** Whether new rates are reached over several steps (`balance.rampSteps`), and not at once. */
export const movesRates = ({ config: { balance } }: Pick<RunRecord, 'config'>): boolean =>
  balance !== 'off' && balance.rampSteps > 0;

/**
 * Whether an epoch's model is measured at its end: where rates are set then or within the epoch, and after the last epoch. A run without
 * balancing is measured after every epoch, so that it can be compared.
 */
export function isMeasured(settings: TimedRun, epoch: number): boolean {
  const { timing, length } = timingOf(settings);
  if (timing === undefined || epoch === length.epochs || setsRatesAfter(epoch, timing, length)) return true;
  return measurementsOf(settings, epoch).length > 0;
}

/** Steps of a run that are taken before an epoch (1-based). */
export const stepsBefore = (settings: TimedRun, epoch: number): number =>
  (epoch - 1) * timingOf(settings).length.stepsPerEpoch;

/** The steps of an epoch (1-based) after which rates are set within it. */
export function measurementsOf(settings: TimedRun, epoch: number): number[] {
  const { timing, length } = timingOf(settings);
  return timing === undefined ? [] : measurementsWithin(epoch, timing, length);
}

/** How often a run's model is measured, the analysis before training included. */
export function countAnalyses(settings: TimedRun): number {
  const epochs = Array.from({ length: settings.config.training.epochs + 1 }, (_, epoch) => epoch);
  const within = epochs.slice(1).map((epoch) => measurementsOf(settings, epoch).length);
  return epochs.filter((epoch) => isMeasured(settings, epoch)).length + within.reduce((sum, count) => sum + count, 0);
}
