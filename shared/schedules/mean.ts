import { mean } from '../core/statistics/sample.ts';

/** Scales the values so that their mean is 1. */
export function overMean(values: readonly number[]): number[] {
  const centre = mean(values);
  return values.map((value) => value / centre);
}
