import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { readJson } from '../checkpoints/json.ts';
import { readHead, readManifest } from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { RunError } from '../core/errors.ts';
import { openUsd } from '../costs/meter.ts';
import type { Budget } from '../decisions/config.ts';
import type { Progress } from '../decisions/decide.ts';
import { spentUsd } from '../decisions/spending.ts';
import type { EpochReport, RunCost, RunReport } from '../reports/report-input.ts';
import { outcomeSchema, readMetrics, readProgress, readRates, readRunRecord, readSpectra } from './records.ts';

/**
 * Everything a report says of a run, from its committed artifacts; an epoch whose measurements are damaged is left out.
 * @throws RunError when there is no such run.
 */
export async function readRunReport(
  store: ArtifactStore,
  run: string,
  warn: (message: string) => void = () => {},
): Promise<RunReport> {
  const record = await readRunRecord(store, run);
  const outcome = await readJson(store, runKeys.outcome(run), outcomeSchema);
  const head = await readHead(store, run);
  const epochs: EpochReport[] = [];
  let progress: Progress | undefined;
  for (let epoch = 0; head && epoch <= head.epoch; epoch++) {
    try {
      const manifest = await readManifest(store, run, epoch);
      const measured = manifest && (await readMetrics(store, manifest));
      if (!measured) continue;
      epochs.push({
        ...measured,
        spectra: (await readSpectra(store, manifest)) ?? null,
        rates: (await readRates(store, manifest)) ?? null,
      });
      if (epoch === head.epoch) progress = await readProgress(store, manifest);
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      warn(`the report leaves out epoch ${epoch}: ${error.message}`);
    }
  }
  const { metric, direction } = record.config.convergence;
  return {
    name: record.name,
    status: outcome?.outcome ?? 'running',
    reason: outcome?.reason ?? '',
    metric: { name: metric, direction },
    config: record.config,
    versions: record.versions,
    dataset: record.dataset,
    seed: record.seed,
    epochs,
    best: progress?.best ?? null,
    cost: progress && (await costOf(store, run, progress, record.config.budget)),
    history: record.history,
  };
}

/** What no commit has counted yet included, such as the tasks after the last one. */
async function costOf(
  store: ArtifactStore,
  run: string,
  progress: Progress,
  budget: Budget,
): Promise<RunCost | undefined> {
  const usd = spentUsd(progress, budget);
  if (usd === undefined) return undefined;
  if (progress.usd === undefined) return { usd, basis: 'usdPerHour' };
  return { usd: usd + (await openUsd(store, run, progress.epoch + 1)), basis: 'meter' };
}
