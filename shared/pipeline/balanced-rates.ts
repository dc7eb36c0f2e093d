/** From a model's layers to the rates of the next epoch. */
import { isDeepStrictEqual } from 'node:util';
import type { Manifest } from '../checkpoints/manifest.ts';
import { UserError } from '../core/errors.ts';
import { spectraReader, spectraShapes } from '../models/lora.ts';
import { type BalanceConfig, balanceConfigSchema, targetsOf } from '../schedules/config.ts';
import { type BalanceDescription, coverageOf, describeCoverage, unlikeShapes } from '../schedules/coverage.ts';
import { kindOfModel, withPreset } from '../schedules/presets/registry.ts';
import { rateTable } from '../schedules/rate-table.ts';
import type { RateTable } from '../schedules/rates.ts';
import {
  countMeasurements,
  measurementsWithin,
  type RunLength,
  setsRatesAfter,
  type TimingConfig,
} from '../schedules/timing.ts';
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

/** How many shards the context wants the run's analysis in. */
export function shardCount(ctx: TaskContext, settings: Settings): number {
  const { layers, shapeOf } = modelOfRun(settings);
  const flops = analysisFlops(layers, spectraSettings(settings), shapeOf);
  return shardsOf(settings, Math.min(mostShards, ctx.shardsFor(flops))).length;
}

/** Gives the values of a model by the names of its tensors. */
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

/** What says when a run is measured: its settings, and the sizes of its data. */
type TimedRun = Pick<ModelRecord, 'config' | 'dataset'>;

/** When a run's rates are set, and how long it is. */
function timingOf({ config, dataset }: TimedRun): {
  timing: TimingConfig | undefined;
  length: RunLength;
} {
  const { epochs, batchSize } = config.training;
  const { trainingSamples = 0, stepsPerEpoch = Math.ceil(Number(trainingSamples) / batchSize) } = dataset;
  const length = { epochs, stepsPerEpoch: Math.max(1, Number(stepsPerEpoch)) };
  return { timing: config.balance === 'off' ? undefined : config.balance, length };
}

/** Whether the rates stay after this epoch, though it may be measured once more, as the last one is. */
export function keepsRates(settings: TimedRun, epoch: number): boolean {
  const { timing, length } = timingOf(settings);
  return timing !== undefined && !setsRatesAfter(epoch, timing, length);
}

/** Whether the rates move on from those before over some steps. */
export const movesRates = ({ config: { balance } }: Pick<RunRecord, 'config'>): boolean =>
  balance !== 'off' && balance.rampSteps > 0;

/**
 * Whether an epoch's model is measured: where rates are set, in the middle of it too, and after the last one. A run without balancing is
 * measured after every epoch, so that it can be compared.
 */
export function isMeasured(settings: TimedRun, epoch: number): boolean {
  const { timing, length } = timingOf(settings);
  if (timing === undefined || epoch === length.epochs || setsRatesAfter(epoch, timing, length)) return true;
  return measurementsOf(settings, epoch).length > 0;
}

/** Steps of a run that are taken before an epoch (1-based). */
export const stepsBefore = (settings: TimedRun, epoch: number): number =>
  (epoch - 1) * timingOf(settings).length.stepsPerEpoch;

/** After how many of its own steps an epoch's model is measured in the middle of it, and rates are set. */
export function measurementsOf(settings: TimedRun, epoch: number): number[] {
  const { timing, length } = timingOf(settings);
  return timing === undefined ? [] : measurementsWithin(epoch, timing, length);
}

/** How often a run's model is measured, before training too. */
export function countAnalyses(settings: TimedRun): number {
  const epochs = Array.from({ length: settings.config.training.epochs + 1 }, (_, epoch) => epoch);
  const within = epochs.slice(1).map((epoch) => measurementsOf(settings, epoch).length);
  return epochs.filter((epoch) => isMeasured(settings, epoch)).length + within.reduce((sum, count) => sum + count, 0);
}

/** What a run's settings balance of its model, and when; undefined where balancing is off. */
export function describeBalance(model: RunModel, settings: TimedRun): BalanceDescription | undefined {
  const { balance: config } = settings.config;
  if (config === 'off') return undefined;
  const { length } = timingOf(settings);
  const coverage = coverageOf(model, config);
  const count = countMeasurements(config, length);
  const times = count === 1 ? 'once, before training' : `${count} times, the first before training`;
  const moves = config.rampSteps > 0 ? `; they move over ${config.rampSteps} steps` : '';
  return {
    covered: describeCoverage(coverage, config),
    timing: `set ${times}, of ${length.epochs * length.stepsPerEpoch} steps${moves}`,
    notes: [
      ...(neverChanges(settings)
        ? ['balance.until comes before the first analysis of the training: the rates never change']
        : []),
      ...unlikeShapes(coverage, config),
      ...(config.weightDecayAssignment && targetsOf(config).length > 1
        ? ['the weight decay has factors of its own; tables and pictures have those of the learning rate']
        : []),
    ],
  };
}

/** Whether `until` keeps rates from changing that would change without it. */
function neverChanges(settings: TimedRun): boolean {
  const { timing, length } = timingOf(settings);
  if (timing?.until === undefined || countMeasurements(timing, length) > 1) return false;
  return countMeasurements({ every: timing.every }, length) > 1;
}

/** @throws UserError where rates would never change once training has begun, and nobody but the settings' writer wants that. */
export function refuseUnchangingRates(settings: TimedRun): void {
  const { balance: config, model } = settings.config;
  if (config === 'off' || !neverChanges(settings) || isOfPreset(config, model)) return;
  const { epochs, stepsPerEpoch } = timingOf(settings).length;
  throw new UserError(
    `comes before the first analysis of the training, which has ${epochs * stepsPerEpoch} steps, so the rates would never change`,
    { where: 'balance.until', remedy: 'Make balance.every smaller, or let balance.until come later.' },
  );
}

/** Whether the settings of time are those of the preset that is named, and nobody's mistake. */
function isOfPreset({ preset, every, until }: BalanceConfig, { family }: RunRecord['config']['model']): boolean {
  const own = balanceConfigSchema.parse(withPreset({ preset }, kindOfModel(family)));
  return preset !== undefined && isDeepStrictEqual([own.every, own.until], [every, until]);
}

/** Where in a run new rates are set: after how many of its steps, and what its parameters trained with up to there. */
interface RateChange {
  readonly steps: number;
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
  const ramp = config !== 'off' && config.rampSteps > 0 ? { ramp: rampTo(change, config.rampSteps) } : {};
  return { report, rates: { ...rates, ...ramp, balance: config } };
}

/** From what was in force after the steps before; from the base rate where nothing was. */
function rampTo({ steps: begins, before }: RateChange, steps: number): Ramp {
  const inForce = before?.ramp
    ? multipliersAlong(before.ramp.from, before.parameters, rampShare(before.ramp, begins - 1))
    : before?.parameters;
  return { from: inForce ?? {}, begins, steps };
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
  const stored = await readRates(ctx.store, head);
  if (stored && isSameBalance(stored.balance, settings.config.balance)) return stored;
  const model = await openCommittedTensors(ctx, head, files.model);
  const spectra = await measure(ctx, settings, model, measuredLayers(settings));
  return balance(ctx, settings, spectra, { steps: stepsBefore(settings, head.epoch + 1), before: stored }).rates;
}
