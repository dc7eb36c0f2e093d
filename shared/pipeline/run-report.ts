import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { readJson } from '../checkpoints/json.ts';
import { readHead, readManifest } from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import type { EpochReport, RunReport } from '../reports/report-input.ts';
import { outcomeSchema, readMetrics, readProgress, readRates, readRunRecord, readSpectra } from './records.ts';

/** Everything a report says of a run, from its committed artifacts. @throws RunError when there is no such run. */
export async function readRunReport(store: ArtifactStore, run: string): Promise<RunReport> {
  const record = await readRunRecord(store, run);
  const outcome = await readJson(store, runKeys.outcome(run), outcomeSchema);
  const head = await readHead(store, run);
  const epochs: EpochReport[] = [];
  let best: RunReport['best'] = null;
  for (let epoch = 0; head && epoch <= head.epoch; epoch++) {
    const manifest = await readManifest(store, run, epoch);
    const measured = manifest && (await readMetrics(store, manifest));
    if (!measured) continue;
    epochs.push({
      ...measured,
      spectra: (await readSpectra(store, manifest)) ?? null,
      rates: (await readRates(store, manifest)) ?? null,
    });
    if (epoch === head.epoch) best = (await readProgress(store, manifest))?.best ?? null;
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
