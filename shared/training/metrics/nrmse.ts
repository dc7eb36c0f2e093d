import { type Metric, meanOver, rootMeanSquare } from './metric.ts';

/** Mean over the batch of the root mean square error over the root mean square of the target. */
export const nrmse: Metric = {
  name: 'nRMSE',
  direction: 'lower',
  describe: "root mean square error relative to the target's norm",
  dividesByTarget: true,
  begin: () => meanOver((error, target) => rootMeanSquare(error) / rootMeanSquare(target)),
};
