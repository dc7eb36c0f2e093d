import type { Manifest } from '../checkpoints/manifest.ts';
import type { RunConfig } from '../config/run-file.ts';
import { elapsedSeconds } from '../core/elapsed.ts';
import { type Decision, decide } from '../decisions/decide.ts';
import type { JobPrice } from '../decisions/spending.ts';
import type { TaskContext } from './context.ts';
import { withOpenUsd } from './metering.ts';
import { metricValue, progressOf, readMetrics } from './records.ts';
import { endsWithTest } from './test-data.ts';

/** Whether to train one more epoch after a commit, by what is on record and was spent since, in time since `since`. */
export async function decideAfter(
  ctx: TaskContext,
  manifest: Manifest,
  config: RunConfig,
  price: JobPrice | undefined,
  since: Date,
): Promise<Decision> {
  const { run } = manifest;
  const committed = await withOpenUsd(ctx, run, await progressOf(ctx.store, manifest));
  const spent = { ...committed, seconds: committed.seconds + elapsedSeconds(since, ctx.now()) };
  const value = metricValue(await readMetrics(ctx.store, manifest), config, run);
  const { convergence, budget } = config;
  return decide(spent, value, {
    epochs: config.training.epochs,
    convergence,
    budget,
    price,
    tests: endsWithTest(config),
  });
}
