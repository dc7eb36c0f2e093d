import { type Metric, meanOver, rootMeanSquare } from './metric.ts';

/** Mean over the batch of the root mean square error over space. */
export const rmse: Metric = {
  name: 'RMSE',
  direction: 'lower',
  describe: 'root mean square error',
  begin: () => meanOver(rootMeanSquare),
};
