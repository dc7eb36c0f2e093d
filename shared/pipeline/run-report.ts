import { posix } from 'node:path';
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { comparisonKeys } from '../checkpoints/comparison-keys.ts';
import { readJson } from '../checkpoints/json.ts';
import { readHead, readHeadManifest, readManifest } from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { RunError } from '../core/errors.ts';
import { mapInFlight } from '../core/in-flight.ts';
import { openUsd } from '../costs/meter.ts';
import { gridInWords } from '../datasets/coordinates.ts';
import type { Budget } from '../decisions/config.ts';
import type { Progress } from '../decisions/decide.ts';
import { spentUsd } from '../decisions/spending.ts';
import type { AdapterReport } from '../reports/adapter.ts';
import type { EpochReport, RunCost, RunReport } from '../reports/report-input.ts';
import { beforeAndAfter } from '../reports/runs.ts';
import { bestFitAlpha } from '../spectra/best-fit.ts';
import type { SpectraConfig } from '../spectra/config.ts';
import type { SpectraReport } from '../spectra/spectrum.ts';
import type { Layer } from '../tensors/layer.ts';
import { totalCount } from '../tensors/tensor.ts';
import { describeBalance } from './balance-description.ts';
import {
  describeDrawn,
  outcomeSchema,
  type RunRecord,
  readMetrics,
  readPredictions,
  readProgress,
  readRates,
  readRunRecord,
  readSpectra,
} from './records.ts';
import { modelOfRun } from './run-model.ts';
import { spectraSettings } from './run-solver.ts';
import { readCurrentTest } from './test-data.ts';

/** Epochs that are read at a time, each with three or four requests. */
const epochsAtATime = 8;

/**
 * Everything a report says of a run, from its committed artifacts; an epoch whose measurements are damaged is left out.
 * Eigenvalues are only those of the epochs whose spectra are drawn: all of a long run's would not fit into memory.
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
  const numbers = Array.from({ length: head ? head.epoch + 1 : 0 }, (_, epoch) => epoch);
  const found = await mapInFlight(numbers, { count: epochsAtATime }, (epoch) =>
    readEpoch(store, run, epoch, epoch === head?.epoch),
  );
  for (const { damage } of found) if (damage !== undefined) warn(damage);
  const progress = found.at(-1)?.progress;
  const shown = progress?.best?.epoch ?? head?.epoch;
  const { metric, direction } = record.config.convergence;
  const report: RunReport = {
    name: record.name,
    ...(await placeOf(store, run)),
    status: outcome?.outcome ?? 'running',
    reason: outcome?.reason ?? '',
    remark: outcome?.remark,
    drawn: describeDrawn(record),
    metric: { name: metric, direction },
    config: record.config,
    model: record.model,
    adapter: adapterOf(record),
    alphaOf: describeSpectra(spectraSettings(record), modelOfRun(record).layers),
    conv1d: spectraSettings(record).conv1d,
    balance: describeBalance(modelOfRun(record), record),
    reinitialised: reinitialisedOf(record),
    averageDecay: record.config.training.ema?.decay,
    versions: record.versions,
    dataset: { ...record.dataset, ...gridInWords(record.dataset) },
    seed: record.seed,
    test: head && (await readCurrentTest(store, run, await readHeadManifest(store, run))),
    epochs: found.flatMap(({ report: epoch = [] }) => epoch),
    predictions: shown === undefined ? undefined : await predictionsOf(store, run, shown, warn),
    best: progress?.best ?? null,
    seconds: progress?.seconds,
    cost: progress && (await costOf(store, run, progress, record.config.budget)),
    history: record.history,
  };
  return withBestFits(await withDrawnSpectra(store, run, report), spectraSettings(record));
}

/** The folder of a run, and that of the comparison that the run belongs to. */
async function placeOf(store: ArtifactStore, run: string): Promise<Pick<RunReport, 'place' | 'comparison'>> {
  const [folder, comparison] = [posix.dirname(run), posix.dirname(posix.dirname(run))];
  const place = folder === '.' ? store.label : `${store.label}/${folder}`;
  const isOfComparison =
    comparison !== '.' &&
    run === comparisonKeys.run(comparison, posix.basename(run)) &&
    (await store.get(comparisonKeys.request(comparison))) !== undefined;
  return isOfComparison ? { place, comparison: `${store.label}/${comparison}` } : { place };
}

/** The settings that alphas depend on, in words. */
function describeSpectra({ fit, filterZeros, conv1d }: SpectraConfig, layers: readonly Layer[]): string {
  const { method, ...settings } = fit;
  const told = Object.entries(settings).map(([key, value]) => `${key} ${value}`);
  const start = told.length > 0 ? `tails from ${method} with ${told.join(', ')}` : `tails by ${method}`;
  const reading = layers.some(({ kind }) => kind === 'conv1d') ? [`Conv1d by ${conv1d}`] : [];
  return [start, filterZeros ? 'zeros left out' : 'zeros kept', ...reading].join(', ');
}

function adapterOf(record: RunRecord): AdapterReport | undefined {
  if (!record.adapter) return undefined;
  const { parameters, frozen, adapter } = modelOfRun(record);
  const trained = totalCount(parameters);
  return { ...record.adapter, spectra: adapter!.spectra, trained, all: trained + totalCount(frozen) };
}

function reinitialisedOf(record: RunRecord): RunReport['reinitialised'] {
  const { model } = record.config;
  const isAnew = model.family === 'huggingface' && model.reinitialise !== undefined;
  return isAnew ? modelOfRun(record).reinitialised : undefined;
}

/** The predictions of an epoch, where they are kept. */
async function predictionsOf(
  store: ArtifactStore,
  run: string,
  epoch: number,
  warn: (message: string) => void,
): Promise<RunReport['predictions']> {
  try {
    const manifest = await readManifest(store, run, epoch);
    const fields = manifest && (await readPredictions(store, manifest));
    return fields && { epoch, fields };
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    warn(`the report leaves out what epoch ${epoch} predicted: ${error.message}`);
    return undefined;
  }
}

interface FoundEpoch {
  /** Absent where the epoch was not measured, or is damaged. */
  readonly report?: EpochReport;
  /** The progress of the last epoch. */
  readonly progress?: Progress | undefined;
  /** A sentence about the epoch's damage. */
  readonly damage?: string;
}

/** The committed files of an epoch, without eigenvalues. */
async function readEpoch(store: ArtifactStore, run: string, epoch: number, isLast: boolean): Promise<FoundEpoch> {
  try {
    const manifest = await readManifest(store, run, epoch);
    if (!manifest) return {};
    const [measured, spectra, rates, progress] = await Promise.all([
      readMetrics(store, manifest),
      readSpectra(store, manifest),
      readRates(store, manifest),
      isLast ? readProgress(store, manifest) : undefined,
    ]);
    if (!measured) return {};
    return { report: { ...measured, spectra: withoutEigenvalues(spectra), rates: rates ?? null }, progress };
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    return { damage: `the report leaves out epoch ${epoch}: ${error.message}` };
  }
}

const withoutEigenvalues = (spectra: SpectraReport | undefined): SpectraReport | null =>
  spectra ? { ...spectra, layers: spectra.layers.map((layer) => ({ ...layer, eigenvalues: [] })) } : null;

/** The report with the eigenvalues of the epochs whose spectra are drawn. */
async function withDrawnSpectra(store: ArtifactStore, run: string, report: RunReport): Promise<RunReport> {
  const { before, after } = beforeAndAfter(report) ?? {};
  const whole = new Map<number, SpectraReport>();
  for (const drawn of [before, after]) {
    const manifest = drawn && (await readManifest(store, run, drawn.epoch));
    const spectra = manifest && (await readSpectra(store, manifest));
    if (spectra) whole.set(drawn.epoch, spectra);
  }
  const epochs = report.epochs.map((epoch) => ({ ...epoch, spectra: whole.get(epoch.epoch) ?? epoch.spectra }));
  return { ...report, epochs };
}

/** The report with the best fits of the epoch that is drawn as the result. */
function withBestFits(report: RunReport, settings: SpectraConfig): RunReport {
  const { before, after } = beforeAndAfter(report) ?? {};
  const shown = after ?? before;
  if (!shown) return report;
  const alphas = shown.spectra.layers.map((layer) => [layer.name, bestFitAlpha(layer, settings)] as const);
  return { ...report, bestFits: { epoch: shown.epoch, alphas: Object.fromEntries(alphas) } };
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
