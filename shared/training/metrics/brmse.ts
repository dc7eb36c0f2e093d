import { type Metric, mean, rootMeanSquare } from './metric.ts';

/** The error's values along the edges of a field; in 2-D the corners stand on two edges and count twice. */
function boundaryOf(error: Float64Array, space: readonly number[]): number[] {
  const [nx, ny] = space;
  if (ny === undefined) return [error[0]!, error[nx! - 1]!];
  const values: number[] = [];
  for (let j = 0; j < ny; j++) values.push(error[j]!, error[(nx! - 1) * ny + j]!);
  for (let i = 0; i < nx!; i++) values.push(error[i * ny]!, error[i * ny + ny - 1]!);
  return values;
}

/** Mean over the batch of the root mean square error along the boundary. */
export const brmse: Metric = {
  name: 'bRMSE',
  direction: 'lower',
  describe: 'root mean square error along the boundary',
  compute: ({ errors, space }) => mean(errors.map((error) => rootMeanSquare(boundaryOf(error, space)))),
};
