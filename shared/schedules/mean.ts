/** Arithmetic mean; NaN of nothing. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Scales the values so that their mean is 1. */
export function overMean(values: readonly number[]): number[] {
  const centre = mean(values);
  return values.map((value) => value / centre);
}
