import type { Metric } from './metric.ts';

/** Largest absolute error over batch and space. */
export const maxError: Metric = {
  name: 'maxError',
  direction: 'lower',
  describe: 'largest absolute error, averaged over channels and times',
  begin() {
    let largest = 0;
    return {
      add(error) {
        for (const value of error) largest = Math.max(largest, Math.abs(value));
      },
      value: () => largest,
    };
  },
};
