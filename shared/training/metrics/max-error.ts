import type { Metric } from './metric.ts';

/** Largest absolute error over batch and space. */
export const maxError: Metric = {
  name: 'maxError',
  direction: 'lower',
  describe: 'largest absolute error, averaged over channels and times',
  compute({ errors }) {
    let largest = 0;
    for (const error of errors) for (const value of error) largest = Math.max(largest, Math.abs(value));
    return largest;
  },
};
