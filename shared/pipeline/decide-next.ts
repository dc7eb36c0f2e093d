import type { Manifest } from '../checkpoints/manifest.ts';
import type { RunConfig } from '../config/run-file.ts';
import { type Decision, decide } from '../decisions/decide.ts';
import type { JobPrice } from '../decisions/spending.ts';
import type { TaskContext } from './context.ts';
import { withOpenUsd } from './metering.ts';
import { metricValue, progressOf, readMetrics } from './records.ts';

/** Whether to train one more epoch after a commit, by what is on record and was spent since. */
export async function decideAfter(
  ctx: TaskContext,
  manifest: Manifest,
  config: RunConfig,
  price: JobPrice | undefined,
): Promise<Decision> {
  const { run } = manifest;
  const spent = await withOpenUsd(ctx, run, await progressOf(ctx.store, manifest));
  const value = metricValue(await readMetrics(ctx.store, manifest), config, run);
  const { convergence, budget } = config;
  return decide(spent, value, { epochs: config.training.epochs, convergence, budget, price });
}
