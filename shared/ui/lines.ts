/** Runs and comparisons in a line each, from their small files: no weights are read. */
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { comparisonKeys } from '../checkpoints/comparison-keys.ts';
import { readJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { messageOf } from '../core/errors.ts';
import { stateNow, type Unfinished } from '../local/run-folder.ts';
import { countRuns } from '../pipeline/comparison/check-comparison.ts';
import { comparisonOutcomeSchema, readComparison, readPlans, readResults } from '../pipeline/comparison/records.ts';
import { readRequest, runRecordSchema } from '../pipeline/records.ts';
import { summariseRun } from '../pipeline/run-summary.ts';
import { type ComparisonLine, placeOf, type RunLine } from './listing.ts';

const firstLine = (error: unknown) => messageOf(error).split('\n')[0]!;

/** A run in a line; one that can't be read says why. @param now how it stands if it has not ended */
export async function runLine(store: ArtifactStore, id: string, now: Unfinished): Promise<RunLine> {
  try {
    const [summary, { config }, record] = await Promise.all([
      summariseRun(store, id),
      readRequest(store, id),
      readJson(store, runKeys.record(id), runRecordSchema),
    ]);
    const { outcome, reason, epoch, epochs, metric, best, balance, learningRate, seed, seconds, usd } = summary;
    return {
      id,
      ...placeOf(id),
      state: stateNow(outcome, now),
      reason: now === 'running' ? '' : reason,
      epoch,
      epochs,
      metric,
      direction: (record?.config ?? config).convergence.direction,
      best: best?.value ?? null,
      bestEpoch: best?.epoch ?? null,
      preset: balance,
      seed,
      learningRate,
      seconds,
      usd,
      begunAt: record?.history[0]?.at ?? null,
    };
  } catch (error) {
    return unreadableRun(id, error);
  }
}

const unreadableRun = (id: string, error: unknown): RunLine => ({
  id,
  ...placeOf(id),
  state: 'unreadable',
  reason: firstLine(error),
  epoch: null,
  epochs: null,
  metric: null,
  direction: 'lower',
  best: null,
  bestEpoch: null,
  preset: null,
  seed: null,
  learningRate: null,
  seconds: 0,
  usd: null,
  begunAt: null,
});

/** A comparison in a line; one that can't be read says why. @param now how it stands if it has not ended */
export async function comparisonLine(store: ArtifactStore, id: string, now: Unfinished): Promise<ComparisonLine> {
  try {
    const [{ settings }, plans, results, outcome] = await Promise.all([
      readComparison(store, id),
      readPlans(store, id),
      readResults(store, id),
      readJson(store, comparisonKeys.outcome(id), comparisonOutcomeSchema),
    ]);
    const { tuning, test } = countRuns(settings);
    const metered = results.flatMap(({ usd }) => usd ?? []);
    return {
      id,
      ...placeOf(id),
      state: stateNow(outcome?.outcome ?? 'running', now),
      reason: now === 'running' ? '' : (outcome?.reason ?? ''),
      done: results.length,
      runs: Math.max(tuning + test, Object.keys(plans).length),
      arms: settings.arms.length,
      metric: settings.arms[0]!.config.convergence.metric,
      seconds: results.reduce((sum, { seconds }) => sum + seconds, 0),
      usd: metered.length > 0 ? metered.reduce((sum, usd) => sum + usd, 0) : null,
    };
  } catch (error) {
    const nothing = { done: 0, runs: 0, arms: 0, metric: null, seconds: 0, usd: null };
    return { id, ...placeOf(id), state: 'unreadable', reason: firstLine(error), ...nothing };
  }
}
