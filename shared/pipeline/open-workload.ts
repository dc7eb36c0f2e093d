import type { RunConfig } from '../config/run-file.ts';
import { openDataset } from '../datasets/registry.ts';
import { openEngine } from '../engines/open-engine.ts';
import type { Workload } from '../training/workload.ts';
import { trajectoryWorkload } from '../training/workloads/trajectories.ts';

/**
 * Reads the data, builds the model and starts the engine that the settings name.
 * @param warn told of an engine that is installed but does not start.
 * @throws UserError when they don't fit.
 */
export async function openWorkload(
  { model, dataset, training }: RunConfig,
  warn: (message: string) => void,
): Promise<Workload> {
  const data = await openDataset(dataset, dataset.path, { seed: training.seed });
  const engine = await openEngine(training.engine, warn);
  return trajectoryWorkload({ engine, model, data, window: dataset.window, training });
}
