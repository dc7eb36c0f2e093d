import type { RunConfig } from '../config/run-file.ts';
import { analysisFlops } from '../spectra/analyse.ts';
import { type Conv1dReading, type SpectraConfig, spectraConfigSchema } from '../spectra/config.ts';
import type { SpectraPool } from '../spectra/solvers/pool.ts';
import type { TaskContext } from './context.ts';
import type { RunRecord } from './records.ts';
import type { RunModel } from './run-model.ts';

/** The part of a run's record that decides how its spectra are taken. */
type SpectraRecord = Pick<RunRecord, 'config' | 'conv1d'>;

/** How a run reads Conv1d weights: as its settings say or, without balancing, as it did before, if it has a record. */
export const conv1dOf = ({ balance }: RunConfig, before: Conv1dReading | undefined): Conv1dReading =>
  balance === 'off' ? (before ?? spectraConfigSchema.parse({}).conv1d) : balance.conv1d;

/** How the spectra of a run are taken; a run without balancing is measured too. Updates of low rank have no alpha by FARMS. */
export function spectraSettings({ config, conv1d }: SpectraRecord): SpectraConfig {
  const { balance, model } = config;
  if (balance === 'off') return spectraConfigSchema.parse({ conv1d });
  const isLowRank = model.family === 'huggingface' && model.lora?.spectra === 'update';
  return isLowRank ? { ...balance, farms: undefined } : balance;
}

/** What computes the eigenvalues of a run: what it has on record, or what suits the size of its model. */
export function openRunSolver(
  ctx: TaskContext,
  { layers, shapeOf }: Pick<RunModel, 'layers' | 'shapeOf'>,
  record: SpectraRecord,
  recorded: string | undefined,
): Promise<SpectraPool> {
  return ctx.openSolver(analysisFlops(layers, spectraSettings(record), shapeOf), recorded);
}
