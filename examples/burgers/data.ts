/** Data sets of Burgers trajectories in PDEBench's layout. */
import { randomFor } from '../../shared/core/random.ts';
import { inMemory, type Trajectories } from '../../shared/datasets/trajectories.ts';
import { type FieldGrid, intervalOf, pointsOf, timesOf, writeFields } from '../field-grid.ts';
import { randomSines, resolvingPoints, solveBurgers, sumOfSines } from './solver.ts';

/** What determines a data set, to the last bit. */
interface BurgersOptions extends FieldGrid {
  readonly viscosity: number;
}

/** A data set `[samples, times, points]` with its coordinates. */
interface BurgersData {
  readonly options: BurgersOptions;
  readonly values: Float32Array;
  readonly x: Float32Array;
  readonly t: Float32Array;
}

/** Sample `n` depends on the seed and `n` alone; computed on a finer grid in float64, rounded once. */
export function generateBurgers(options: BurgersOptions): BurgersData {
  const { viscosity, samples, seed, points, times } = options;
  const stride = 2 * Math.ceil(resolvingPoints(viscosity) / (2 * points));
  const finePoints = stride * points;
  const interval = intervalOf(options);
  const values = new Float32Array(samples * times * points);
  for (let sample = 0; sample < samples; sample++) {
    const sines = randomSines(randomFor(seed, 'burgers', sample));
    const initial = Float64Array.from({ length: finePoints }, (_, j) => sumOfSines(sines, j / finePoints));
    const states = solveBurgers(initial, { viscosity, points: finePoints, interval, times });
    for (const [time, state] of states.entries()) {
      for (let point = 0; point < points; point++) {
        values[(sample * times + time) * points + point] = state[(point + 0.5) * stride]!;
      }
    }
  }
  return { options, values, x: pointsOf(options), t: timesOf(options) };
}

/** Writes `tensor` [samples, times, points], `x-coordinate` and `t-coordinate`, with the settings as attributes. */
export const writeBurgers = (path: string, { options, values }: BurgersData): Promise<void> =>
  writeFields(path, options, { tensor: values }, { nu: options.viscosity });

/** The same data as a training set, `[samples, points, times, 1]`. */
export function asTrajectories({ options, values, x, t }: BurgersData): Trajectories {
  const { samples } = options;
  const transposed = new Float32Array(values.length);
  for (let sample = 0; sample < samples; sample++) {
    for (let time = 0; time < t.length; time++) {
      for (let point = 0; point < x.length; point++) {
        transposed[(sample * x.length + point) * t.length + time] =
          values[(sample * t.length + time) * x.length + point]!;
      }
    }
  }
  return inMemory(
    {
      kind: 'trajectories',
      shape: [samples, x.length, t.length, 1],
      grid: { shape: [x.length, 1], values: x },
      channels: ['u'],
      rows: Array.from({ length: samples }, (_, row) => row),
    },
    { values: transposed },
  );
}
