/** Data sets of compressible flow on a line, in PDEBench's layout. */
import { randomFor } from '../../shared/core/random.ts';
import { type FieldGrid, intervalOf, writeFields } from '../field-grid.ts';
import { coarsened, flowOf, solveEuler } from './solver.ts';
import { type InitialKind, initialStates, randomFlow } from './states.ts';

/** What determines a data set, to the last bit. */
interface FlowOptions extends FieldGrid {
  readonly initial: InitialKind;
}

/** Arrays by PDEBench's names, each `[samples, times, points]`. */
interface FlowData {
  readonly options: FlowOptions;
  readonly fields: Readonly<Record<'density' | 'Vx' | 'pressure', Float32Array>>;
}

/** Cells of the solver in a cell that is kept. */
const refinement = 4;

/** Sample `n` depends on the seed and `n` alone; averages of finer cells in float64, rounded once. */
export function generateFlow(options: FlowOptions): FlowData {
  const { initial, samples, seed, points, times } = options;
  const { boundary } = initialStates[initial];
  const size = samples * times * points;
  const fields = { density: new Float32Array(size), Vx: new Float32Array(size), pressure: new Float32Array(size) };
  for (let sample = 0; sample < samples; sample++) {
    const start = randomFlow(initial, points * refinement, randomFor(seed, 'compressible', initial, sample));
    const states = solveEuler(start, { boundary, interval: intervalOf(options), times });
    for (const [time, state] of states.entries()) {
      const { density, velocity, pressure } = flowOf(coarsened(state, refinement));
      const at = (sample * times + time) * points;
      fields.density.set(density, at);
      fields.Vx.set(velocity, at);
      fields.pressure.set(pressure, at);
    }
  }
  return { options, fields };
}

/** Writes `density`, `Vx` and `pressure`, with the coordinates, and the settings as attributes. */
export const writeFlow = (path: string, { options, fields }: FlowData): Promise<void> =>
  writeFields(path, options, fields, { initial: options.initial });
