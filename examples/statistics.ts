import { mean, standardDeviation } from '../shared/core/statistics/sample.ts';

/** `0.812 ± 0.034` */
export const meanAndSpread = (values: readonly number[], digits = 3): string =>
  `${mean(values).toFixed(digits)} ± ${values.length > 1 ? standardDeviation(values).toFixed(digits) : '?'}`;
