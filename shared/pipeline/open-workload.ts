import type { RunConfig } from '../config/run-file.ts';
import { openDataset } from '../datasets/registry.ts';
import { openEngine, openGpuEngine } from '../engines/open-engine.ts';
import { readPretrained } from '../models/pretrained.ts';
import type { Workload } from '../training/workload.ts';
import { planTrajectories, type TrajectoryPlan } from '../training/workloads/trajectories.ts';

/**
 * Reads the data and builds the model that the settings name.
 * @throws UserError when they don't fit.
 */
export async function planWorkload({ model, dataset, training }: RunConfig): Promise<TrajectoryPlan> {
  const data = await openDataset(dataset, dataset.path, { seed: training.seed });
  return planTrajectories({ model, data, window: dataset.window, training });
}

/**
 * Starts the engine that the settings name for a plan.
 * @param warn told of an engine that is installed but does not start.
 * @param hasGpu whether this machine is there for its GPU, so that nothing but an engine named in the settings takes its place.
 * @throws UserError when the engine can't be had.
 */
export async function startWorkload(
  plan: TrajectoryPlan,
  { training }: RunConfig,
  warn: (message: string) => void,
  hasGpu = false,
): Promise<Workload> {
  const wantsGpu = hasGpu && ['auto', 'tfjs-node-gpu'].includes(training.engine);
  return plan.on(await (wantsGpu ? openGpuEngine() : openEngine(training.engine, warn)));
}

/** Data, model and engine that the settings name. @throws UserError when they don't fit or can't be had. */
export async function openWorkload(config: RunConfig, warn: (message: string) => void): Promise<Workload> {
  return startWorkload(await planWorkload(config), config, warn);
}

/** Checks data, model and weights of settings, without an engine. @throws UserError when they don't fit. */
export async function checkInputs(config: RunConfig): Promise<TrajectoryPlan> {
  const plan = await planWorkload(config);
  const { weights } = config.model;
  if (weights !== undefined) await readPretrained(weights, plan.parameters);
  return plan;
}
