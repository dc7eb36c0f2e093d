import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { readJson } from '../checkpoints/json.ts';
import { readHead, readManifest } from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { RunError } from '../core/errors.ts';
import type { EpochReport, RunReport } from '../reports/report-input.ts';
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
  let best: RunReport['best'] = null;
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
      if (epoch === head.epoch) best = (await readProgress(store, manifest))?.best ?? null;
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
    best,
    history: record.history,
  };
}
