import type { RunConfig } from '../config/run-file.ts';
import { analysisFlops } from '../spectra/analyse.ts';
import { type SpectraConfig, spectraConfigSchema } from '../spectra/config.ts';
import type { SpectraPool } from '../spectra/solvers/pool.ts';
import type { TaskContext } from './context.ts';
import type { RunModel } from './run-model.ts';

/** How the spectra of a run are taken; a run without balancing is measured too. Updates of low rank have no alpha by FARMS. */
export function spectraSettings({ balance, model }: RunConfig): SpectraConfig {
  if (balance === 'off') return spectraConfigSchema.parse({});
  const isLowRank = model.family === 'huggingface' && model.lora?.spectra === 'update';
  return isLowRank ? { ...balance, farms: undefined } : balance;
}

/** What computes the eigenvalues of a run: what it has on record, or what suits the size of its model. */
export function openRunSolver(
  ctx: TaskContext,
  { layers, shapeOf }: Pick<RunModel, 'layers' | 'shapeOf'>,
  config: RunConfig,
  recorded: string | undefined,
): Promise<SpectraPool> {
  return ctx.openSolver(analysisFlops(layers, spectraSettings(config), shapeOf), recorded);
}
