import type { RunConfig } from '../config/run-file.ts';
import { analysisFlops } from '../spectra/analyse.ts';
import { type SpectraConfig, spectraConfigSchema } from '../spectra/config.ts';
import type { SpectraPool } from '../spectra/solvers/pool.ts';
import type { TaskContext } from './context.ts';
import type { RunModel } from './run-model.ts';

/** How the spectra of a run are taken; a run without balancing is measured too. */
export const spectraSettings = ({ balance }: RunConfig): SpectraConfig =>
  balance === 'off' ? spectraConfigSchema.parse({}) : balance;

/** What computes the eigenvalues of a run: what it has on record, or what suits the size of its model. */
export function openRunSolver(
  ctx: TaskContext,
  { layers, parameters }: Pick<RunModel, 'layers' | 'parameters'>,
  config: RunConfig,
  recorded: string | undefined,
): Promise<SpectraPool> {
  const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
  const flops = analysisFlops(layers, spectraSettings(config), (name) => shapes.get(name));
  return ctx.openSolver(flops, recorded);
}
