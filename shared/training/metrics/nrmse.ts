import { type Metric, mean, rootMeanSquare } from './metric.ts';

/** Mean over the batch of the root mean square error over the root mean square of the target. */
export const nrmse: Metric = {
  name: 'nRMSE',
  direction: 'lower',
  describe: "root mean square error relative to the target's norm",
  dividesByTarget: true,
  compute: ({ errors, targets }) =>
    mean(errors.map((error, sample) => rootMeanSquare(error) / rootMeanSquare(targets[sample]!))),
};
