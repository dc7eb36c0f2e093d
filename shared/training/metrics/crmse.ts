import { type Metric, mean, meanOver } from './metric.ts';

/** Root mean square over the batch of the error in the field's mean. */
export const crmse: Metric = {
  name: 'cRMSE',
  direction: 'lower',
  describe: 'error in the conserved quantity (the mean over space)',
  begin() {
    const { add, value } = meanOver((error) => mean(error) ** 2);
    return { add, value: () => Math.sqrt(value()) };
  },
};
