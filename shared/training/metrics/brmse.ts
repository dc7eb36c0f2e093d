import { type Metric, meanOver, rootMeanSquare } from './metric.ts';

/**
 * The error's values on the sides of a field: its ends in 1-D, edges in 2-D, faces in 3-D. What stands on several of them, such as a
 * corner, counts as often.
 */
function boundaryOf(error: Float64Array, space: readonly number[]): number[] {
  const [nx, ny, nz = 1] = space as [number, number?, number?];
  if (ny === undefined) return [error[0]!, error[nx - 1]!];
  const at = (i: number, j: number, k: number) => error[(i * ny + j) * nz + k]!;
  const values: number[] = [];
  for (let j = 0; j < ny; j++) {
    for (let k = 0; k < nz; k++) values.push(at(0, j, k), at(nx - 1, j, k));
  }
  for (let i = 0; i < nx; i++) {
    for (let k = 0; k < nz; k++) values.push(at(i, 0, k), at(i, ny - 1, k));
  }
  if (space.length === 2) return values;
  for (let i = 0; i < nx; i++) {
    for (let j = 0; j < ny; j++) values.push(at(i, j, 0), at(i, j, nz - 1));
  }
  return values;
}

/**
 * Mean over the batch of the root mean square error along the boundary. In 3-D each channel by itself, as in 1-D and 2-D; PDEBench's code,
 * which adds the channels up there, gives the same for one channel.
 */
export const brmse: Metric = {
  name: 'bRMSE',
  direction: 'lower',
  describe: 'root mean square error along the boundary',
  begin: (space) => meanOver((error) => rootMeanSquare(boundaryOf(error, space))),
};
