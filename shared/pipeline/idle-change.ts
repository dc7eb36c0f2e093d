/** Settings that a run which has ended would take up without doing anything by them. */
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { readJson } from '../checkpoints/json.ts';
import { readHeadManifest } from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { describeChanges } from '../config/changes.ts';
import type { RunConfig } from '../config/run-file.ts';
import { RunError, UserError } from '../core/errors.ts';
import { type Decision, decide } from '../decisions/decide.ts';
import { metricValue, outcomeSchema, progressOf, readMetrics } from './records.ts';
import { endsWithTest, readCurrentTest } from './test-data.ts';

/**
 * Keeps settings by which nothing was trained off the record of a run that has ended.
 * @throws UserError when settings change and the run would neither train nor be measured on test data by them.
 */
export async function refuseIdleChange(
  store: ArtifactStore,
  run: string,
  before: RunConfig,
  config: RunConfig,
): Promise<void> {
  const changes = describeChanges(before, config);
  if (changes.length === 0) return;
  const outcome = await readJson(store, runKeys.outcome(run), outcomeSchema);
  if (!outcome || !['completed', 'converged', 'budget'].includes(outcome.outcome)) return;
  const decision = await decisionBy(store, run, config);
  if (decision?.next !== 'finalise') return;
  const lines = changes.map((change) => `    ${change}`).join('\n');
  throw new UserError(`has ended, and would not be trained on by these settings (${decision.reason}):\n${lines}`, {
    where: run,
    remedy: `To train for longer, add for example --set training.epochs=${2 * config.training.epochs}. For a run with other settings from its beginning: npx tempbalance train.`,
  });
}

/** What would be done next; undefined where something is left to do, or where what is committed can't be read. */
async function decisionBy(store: ArtifactStore, run: string, config: RunConfig): Promise<Decision | undefined> {
  try {
    const head = await readHeadManifest(store, run);
    if (endsWithTest(config) && !(await readCurrentTest(store, run, head))) return undefined;
    const value = metricValue(await readMetrics(store, head), config, run);
    const { convergence, budget, training } = config;
    return decide(await progressOf(store, head), value, { epochs: training.epochs, convergence, budget });
  } catch (error) {
    if (error instanceof RunError) return undefined;
    throw error;
  }
}
