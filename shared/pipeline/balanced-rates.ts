/** Makes the rates of the next epoch of a model's layers. */
import { isDeepStrictEqual } from 'node:util';
import type { Manifest } from '../checkpoints/manifest.ts';
import { spectraReader, spectraShapes } from '../models/lora.ts';
import { rateTable } from '../schedules/rate-table.ts';
import type { RateTable } from '../schedules/rates.ts';
import { analysedLayers, analysisFlops, measureLayers, noFarms, spectraReport } from '../spectra/analyse.ts';
import { layerSize } from '../spectra/cost.ts';
import { farmsOfProduct } from '../spectra/farms.ts';
import { planShards } from '../spectra/shards.ts';
import type { LayerSpectrum, SpectraReport } from '../spectra/spectrum.ts';
import type { Layer } from '../tensors/layer.ts';
import type { WeightTensor } from '../tensors/tensor.ts';
import { multipliersAlong, type Ramp, rampShare } from '../training/applied-rates.ts';
import { openCommittedTensors } from './attempt.ts';
import type { TaskContext } from './context.ts';
import { mostShards } from './history.ts';
import { stepsBefore, timingOf } from './rate-timing.ts';
import { files, type RateRecord, type RunRecord, readRates } from './records.ts';
import { baseByName } from './run-base.ts';
import { type ModelRecord, modelOfRun, type RunModel } from './run-model.ts';
import { openRunSolver, spectraSettings } from './run-solver.ts';

/** Rates of a run that is not balanced: every parameter at the base rate. */
const baseRates: RateTable = { parameters: {}, layers: {}, warnings: [] };

type Settings = ModelRecord & Pick<RunRecord, 'versions' | 'dataset' | 'conv1d'>;

/** The layers that a run's settings want measured, in their order. */
export const measuredLayers = (settings: Settings): Layer[] =>
  analysedLayers(modelOfRun(settings).layers, spectraSettings(settings));

/** The layers of each of so many shards; a function of the run's record, so that every task plans alike. */
export function shardsOf(settings: Settings, count: number): Layer[][] {
  const layers = measuredLayers(settings);
  const { shapeOf } = modelOfRun(settings);
  const shards = planShards(
    layers.map((layer) => layerSize(layer, shapeOf, spectraSettings(settings))),
    count,
  );
  return shards.map((shard) => shard.layers.map((wanted) => layers.find(({ name }) => name === wanted)!));
}

/** The number of shards in which the run is analysed. */
export function shardCount(ctx: TaskContext, settings: Settings): number {
  const { layers, shapeOf } = modelOfRun(settings);
  const flops = analysisFlops(layers, spectraSettings(settings), shapeOf);
  return shardsOf(settings, Math.min(mostShards, ctx.shardsFor(flops))).length;
}

/** A model's weights, read by name. */
export interface WeightSource {
  read(name: string): Promise<WeightTensor>;
}

/** Reads what spectra are taken of: the weights of an epoch or, of an adapter, what it makes of its base. */
async function matricesIn(
  ctx: TaskContext,
  { adapter }: RunModel,
  epoch: WeightSource,
): Promise<(name: string) => Promise<WeightTensor>> {
  if (!adapter) return epoch.read;
  const { model, spectra, base } = adapter;
  const whole = spectra === 'merged' ? baseByName(adapter, await ctx.openTensors(base)) : epoch;
  return spectraReader(model, spectra, { base: whole.read, adapter: epoch.read });
}

/**
 * Of B A alone a small matrix with its singular values is measured: the layers keep the shapes of their weights, and have no alpha by
 * FARMS.
 */
function asUpdates(
  spectra: readonly LayerSpectrum[],
  { adapter }: RunModel,
  { balance: settings }: RunRecord['config'],
): readonly LayerSpectrum[] {
  if (adapter?.spectra !== 'update') return spectra;
  const shapes = spectraShapes(adapter.model, 'merged');
  const reasons = settings !== 'off' && settings.farms ? [`${noFarms}: ${farmsOfProduct}`] : [];
  return spectra.map((spectrum) => ({
    ...spectrum,
    shape: shapes.get(`${spectrum.name}.weight`) ?? spectrum.shape,
    flags: [...spectrum.flags, ...reasons],
  }));
}

/** The spectra of some of a model's layers; only their tensors are read. Another solver than the one on record is noted. */
export async function measure(
  ctx: TaskContext,
  settings: Settings,
  model: WeightSource,
  layers: readonly Layer[],
): Promise<LayerSpectrum[]> {
  const { config, versions } = settings;
  const described = modelOfRun(settings);
  const solver = await openRunSolver(ctx, described, settings, versions.solver);
  const read = await matricesIn(ctx, described, model);
  const measured = await measureLayers(layers, read, spectraSettings(settings), solver, described.shapeOf);
  const spectra = asUpdates(measured, described, config);
  if (solver.solver === versions.solver) return [...spectra];
  const message = `eigenvalues come from ${solver.solver} here, and the run has ${versions.solver} on record: last bits may differ`;
  ctx.emit({ type: 'warning', message });
  return spectra.map((spectrum) => ({ ...spectrum, solver: solver.solver }));
}

/** The place in a run where new rates are set. */
interface RateChange {
  /** Steps of the run that were taken before. */
  readonly steps: number;
  /** The rates that were in force up to there; undefined: the base rate, or no ramp needs them. */
  readonly before: RateTable | undefined;
}

/** The report over all measured layers, and the rates by the balance settings in force. */
export function balance(
  ctx: TaskContext,
  settings: Settings,
  spectra: readonly LayerSpectrum[],
  change: RateChange,
): { report: SpectraReport; rates: RateRecord } {
  const { balance: config, training } = settings.config;
  const report = spectraReport(spectra);
  const rates =
    config === 'off' ? baseRates : rateTable(report, modelOfRun(settings).parameters, config, training.seed);
  for (const message of rates.warnings) ctx.emit({ type: 'warning', message });
  const { stepsPerEpoch } = timingOf(settings).length;
  const ramp =
    config !== 'off' && config.rampSteps > 0 ? { ramp: { ...rampTo(change, config.rampSteps), stepsPerEpoch } } : {};
  return { report, rates: { ...rates, ...ramp, balance: config } };
}

/** A ramp that begins at the multipliers in force; at the base rate where there are none. */
function rampTo({ steps: begins, before }: RateChange, steps: number): Ramp {
  const inForce = before?.ramp
    ? multipliersAlong(before.ramp.from, before.parameters, rampShare(before.ramp, begins - 1))
    : before?.parameters;
  return { from: inForce ?? {}, begins, steps };
}

/** Rates whose ramp is as far as it was, where epochs have another number of steps since: the steps of the run count anew. */
function withStepsOf(rates: RateRecord, epoch: number, stepsPerEpoch: number): RateRecord {
  const { ramp } = rates;
  if (!ramp || ramp.stepsPerEpoch === stepsPerEpoch) return rates;
  const begins = ramp.begins + epoch * (stepsPerEpoch - ramp.stepsPerEpoch);
  return { ...rates, ramp: { ...ramp, begins, stepsPerEpoch } };
}

/** Whether two records have the same settings, in whatever order they were written. */
function isSameBalance(a: RateRecord['balance'], b: RateRecord['balance']): boolean {
  const plain = (balance: RateRecord['balance']): unknown => JSON.parse(JSON.stringify(balance));
  return isDeepStrictEqual(plain(a), plain(b));
}

/**
 * The rates that the epoch after `head` trains with: those of the last analysis, or, where the balance settings have
 * changed since, what the new settings make of the committed model.
 */
export async function ratesInForce(ctx: TaskContext, head: Manifest, settings: Settings): Promise<RateRecord> {
  const { stepsPerEpoch } = timingOf(settings).length;
  const recorded = await readRates(ctx.store, head);
  const stored = recorded && withStepsOf(recorded, head.epoch, stepsPerEpoch);
  if (stored && isSameBalance(stored.balance, settings.config.balance)) return stored;
  const model = await openCommittedTensors(ctx, head, files.model);
  const spectra = await measure(ctx, settings, model, measuredLayers(settings));
  return balance(ctx, settings, spectra, { steps: stepsBefore(settings, head.epoch + 1), before: stored }).rates;
}
