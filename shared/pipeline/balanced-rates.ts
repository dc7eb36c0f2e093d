/** From a model's layers to the rates of the next epoch. */
import type { Manifest } from '../checkpoints/manifest.ts';
import { rateTable } from '../schedules/rate-table.ts';
import type { RateTable } from '../schedules/rates.ts';
import { analyseLayers } from '../spectra/analyse.ts';
import type { SpectraReport } from '../spectra/spectrum.ts';
import type { SafetensorsFile } from '../tensors/safetensors.ts';
import type { Workload } from '../training/workload.ts';
import { openCommittedTensors } from './attempt.ts';
import type { TaskContext } from './context.ts';
import { files, type RateRecord, type RunRecord, readRates } from './records.ts';
import { openRunSolver, spectraSettings } from './run-solver.ts';

/** Rates of a run that is not balanced: every parameter at the base rate. */
const baseRates: RateTable = { parameters: {}, layers: {}, warnings: [] };

type Settings = Pick<RunRecord, 'config' | 'versions'>;

/** Measures a model, and sets the rates by the balance settings in force. */
export async function measure(
  ctx: TaskContext,
  { config, versions }: Settings,
  workload: Workload,
  model: SafetensorsFile,
): Promise<{ report: SpectraReport; rates: RateRecord }> {
  const { balance } = config;
  const solver = await openRunSolver(ctx, workload, config, versions.solver);
  const shapeOf = (name: string) => model.entry(name).shape;
  const report = await analyseLayers(workload.layers, model.read, spectraSettings(config), solver, shapeOf);
  const rates = balance === 'off' ? baseRates : rateTable(report, workload.parameters, balance);
  for (const message of rates.warnings) ctx.emit({ type: 'warning', message });
  return { report, rates: { ...rates, balance } };
}

/**
 * The rates that the epoch after `head` trains with: those of the last analysis, or, where the balance settings have
 * changed since, what the new settings make of the committed model.
 */
export async function ratesInForce(
  ctx: TaskContext,
  head: Manifest,
  settings: Settings,
  workload: Workload,
): Promise<RateRecord> {
  const stored = await readRates(ctx.store, head);
  if (stored && JSON.stringify(stored.balance) === JSON.stringify(settings.config.balance)) return stored;
  return (await measure(ctx, settings, workload, await openCommittedTensors(ctx, head, files.model))).rates;
}
