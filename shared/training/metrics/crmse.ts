import { type Metric, mean, rootMeanSquare } from './metric.ts';

/** Root mean square over the batch of the error in the field's mean. */
export const crmse: Metric = {
  name: 'cRMSE',
  direction: 'lower',
  describe: 'error in the conserved quantity (the mean over space)',
  compute: ({ errors }) => rootMeanSquare(errors.map(mean)),
};
