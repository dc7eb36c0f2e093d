/** Rates for the parameters of any checkpoint, for a trainer that is not ours. */
import { dirname, join } from 'node:path';
import { type BalanceChoice, balanceSettings, isSameForAll } from '../config/balance-settings.ts';
import type { Override } from '../config/parse-run-file.ts';
import { messageOf, UserError } from '../core/errors.ts';
import { configFile, readConfig } from '../models/hugging-face/config.ts';
import { tasksOf } from '../models/language/registry.ts';
import type { TaskContext } from '../pipeline/context.ts';
import type { RunRecord } from '../pipeline/records.ts';
import { modelOfRun } from '../pipeline/run-model.ts';
import { type CheckpointRates, checkpointRates } from '../schedules/checkpoint-rates.ts';
import type { BalanceConfig } from '../schedules/config.ts';
import { isParameter, parametersByName, type StoredTensor } from '../schedules/parameters-by-name.ts';
import type { ModelKind } from '../schedules/presets/preset.ts';
import { kindOfModel } from '../schedules/presets/registry.ts';
import { ratesFor, type TrainerParameters } from '../schedules/trainer-parameters.ts';
import { analysedLayers } from '../spectra/analyse.ts';
import type { SpectraConfig } from '../spectra/config.ts';
import { openSolver } from '../spectra/solvers/open-solver.ts';
import type { SolverChoice } from '../spectra/solvers/solver.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { openTensors, pathKind } from '../tensors/open-tensors.ts';
import type { TensorStore } from '../tensors/tensor-store.ts';
import { moduleOfFactor } from '../weights/adapter.ts';
import { isHead, isTokenTable } from '../weights/embeddings.ts';
import { type KnownModel, knownModel } from '../weights/known-model.ts';
import { type MeasureOptions, measureWeights, measuringFlops } from '../weights/measure-weights.ts';
import type { WeightLayer, WeightSource } from '../weights/weight-source.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { isRatesFile, readRatesFile } from './rates-file.ts';

/** The options by which rates are made of a checkpoint. */
export interface RateOptions extends MeasureOptions {
  readonly preset?: string | undefined;
  readonly overrides: readonly Override[];
  /** The kind of the model; absent: the checkpoint tells. */
  readonly kind?: ModelKind | undefined;
  readonly base: CheckpointRates['base'];
  readonly seed?: number | undefined;
  readonly solver: SolverChoice;
  /** Parameters of a trainer's model, which the rates are wanted of; absent: all that the checkpoint has. */
  readonly parameters?: TrainerParameters | undefined;
  /** The options of `openCheckpoint`. */
  readonly open: {
    readonly epoch?: number | undefined;
    readonly base?: string | undefined;
    readonly localPath: TaskContext['localPath'];
  };
}

/** A checkpoint that is not measured yet. */
interface RatedModel extends Pick<WeightSource, 'layers' | 'read' | 'openRows' | 'notes'> {
  readonly source: CheckpointRates['source'];
  readonly kind?: { readonly name: ModelKind; readonly from: string } | undefined;
  readonly known: boolean;
  readonly isLowRank: boolean;
  /** @param layers those that are measured */
  parameters(config: BalanceConfig, layers: readonly WeightLayer[]): readonly ParameterSpec[];
  readonly record?: RunRecord;
}

/**
 * Factor and rate of every parameter of a checkpoint, as a run would set them after an analysis of the same weights; or those of a file of
 * rates that were made so.
 * @throws UserError when it is no checkpoint, when the settings are wrong, or when the kind of the model has to be given.
 */
export async function rateCheckpoint(path: string, options: RateOptions): Promise<CheckpointRates> {
  const rates = isRatesFile(path)
    ? await readRatesFile(path, settingsGiven(options))
    : await ratesByMeasuring(path, options);
  return options.parameters ? ratesFor(rates, options.parameters) : rates;
}

/** Names of the settings that were given. */
function settingsGiven({ preset, overrides, kind, base, seed, open }: RateOptions): string[] {
  const { learningRate, weightDecay } = base;
  const given = { preset, kind, 'base learning rate': learningRate, 'base weight decay': weightDecay, seed };
  const all = { ...given, epoch: open.epoch, base: open.base, ...(overrides.length > 0 && { set: overrides }) };
  return Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [name]));
}

async function ratesByMeasuring(path: string, options: RateOptions): Promise<CheckpointRates> {
  const opened = await openModel(path, options.open);
  const { kind, kindFrom, settings } = settle(opened, options);
  const wanted = new Set(analysedLayers(opened.layers, settings).map(({ name }) => name));
  const heads = opened.known || kind !== 'language' ? [] : opened.layers.map(({ name }) => name).filter(isHead);
  const layers = opened.layers.filter(({ name }) => wanted.has(name) && !heads.includes(name));
  const config: SpectraConfig = opened.isLowRank ? { ...settings, farms: undefined } : settings;
  const solver = await openSolver(options.solver, { flops: measuringFlops(layers, config) });
  try {
    const spectra = await measureWeights(opened, layers, config, solver, options);
    const { source, known } = opened;
    const notes = [
      ...opened.notes,
      ...(heads.length > 0 ? [`not measured, as heads of a language model: ${heads.join(', ')}`] : []),
      ...notesOnEnds(opened, layers, settings),
    ];
    const parameters = opened.parameters(settings, layers);
    return checkpointRates(
      {
        source,
        kind,
        kindFrom,
        known,
        parameters,
        spectra,
        notes,
      },
      settings,
      { base: options.base, seed: options.seed ?? opened.record?.config.training.seed ?? 0 },
    );
  } finally {
    await solver.close();
  }
}

/** Checks settings before there is a checkpoint to take the rates of. @throws UserError when they are wrong for any kind of model. */
export function checkRateOptions({
  kind,
  preset,
  overrides,
}: Pick<RateOptions, 'kind' | 'preset' | 'overrides'>): void {
  balanceSettings({ kind: kind ?? 'language', isLowRank: false, preset, overrides });
}

/** The kind of the model and the settings. */
function settle(
  { kind: told, isLowRank, record, source }: RatedModel,
  { kind: given, preset, overrides }: Pick<RateOptions, 'kind' | 'preset' | 'overrides'>,
): { kind: ModelKind | null; kindFrom: string; settings: BalanceConfig } {
  const choice: Omit<BalanceChoice, 'kind'> = { isLowRank, preset, overrides, run: record?.config };
  const kind = given ?? told?.name;
  if (kind !== undefined) {
    const kindFrom = given === undefined ? told!.from : '--kind';
    return { kind, kindFrom, settings: balanceSettings({ ...choice, kind }) };
  }
  const settings = balanceSettings({ ...choice, kind: 'fields' });
  const { preset: inForce } = settings;
  if (inForce === undefined || isSameForAll(inForce)) {
    return { kind: null, kindFrom: 'the settings are the same for both kinds', settings };
  }
  throw new UserError(`does not tell whether it is a model of language or of fields, for which ${inForce} differs`, {
    where: source.path,
    remedy: `Add --kind language or --kind fields. Convolutional and other models that are neither are nearer to fields, whose layers are compared one by one.`,
  });
}

async function openModel(path: string, options: RateOptions['open']): Promise<RatedModel> {
  const { weights, epoch, record } = await openCheckpoint(path, options);
  const { format, notes, read, openRows } = weights;
  const source = { path: weights.label, format, ...(epoch === undefined ? {} : { epoch }) };
  const shared = { source, notes, read, openRows, known: false, isLowRank: false };
  if (record) return { ...shared, ...ofRun(record, weights), known: true };
  const store = await openTensors(path);
  const tensors = store.names().map((name): StoredTensor => ({ name, ...store.entry(name) }));
  if (format === 'adapter') return { ...shared, ...ofAdapter(weights, tensors) };
  const folder = (await pathKind(path)) === 'folder' ? path : dirname(path);
  const found = await findKnown(store, folder);
  if (found && 'layers' in found) {
    return {
      ...shared,
      ...found,
      known: true,
      notes: [...(store.notes ?? []), ...found.notes],
      parameters: () => withOthers(found.parameters, tensors),
    };
  }
  return {
    ...shared,
    layers: weights.layers,
    notes: [...notes, ...(found?.why === undefined ? [] : [`norms follow layers by their names alone: ${found.why}`])],
    kind: found?.kind ?? kindByTensors(weights.layers, tensors),
    parameters: (config, layers) => parametersByName(tensors, layers, config),
  };
}

/** The parameters of a known model with all else that the files hold, such as heads of other tasks. */
function withOthers(known: readonly ParameterSpec[], tensors: readonly StoredTensor[]): ParameterSpec[] {
  const names = new Set(known.map(({ name }) => name));
  const others = tensors.filter((tensor) => !names.has(tensor.name) && isParameter(tensor));
  return [...known, ...others.map(({ name, shape }) => ({ name, shape, decay: shape.length > 1 }))];
}

type Kind = NonNullable<RatedModel['kind']>;

/** The language model that a folder's `config.json` describes; or why it is not one that is known. */
async function findKnown(
  store: TensorStore,
  folder: string,
): Promise<(KnownModel & { kind: Kind }) | { why?: string; kind?: Kind } | undefined> {
  const path = join(folder, configFile);
  if (!(await pathKind(path))) return undefined;
  try {
    const config = await readConfig(path);
    if (tasksOf(config.model_type).length === 0) return { why: `models of type "${config.model_type}" are not known` };
    const kind: Kind = { name: 'language', from: `${configFile}: ${config.model_type}` };
    try {
      return { ...knownModel(store, config, path), kind };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { why: messageOf(error), kind };
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return {};
  }
}

/** The kind of a model as its tensors tell it; undefined: they do not. */
function kindByTensors(layers: readonly WeightLayer[], tensors: readonly StoredTensor[]): Kind | undefined {
  const table = tensors.find(({ name }) => isTokenTable(name));
  if (table) return { name: 'language', from: `a table of token embeddings, ${table.name}` };
  const spectral = layers.find(({ kind }) => kind === 'spectralConv');
  return spectral && { name: 'fields', from: `a spectral convolution, ${spectral.name}` };
}

function ofRun(
  record: RunRecord,
  weights: WeightSource,
): Pick<RatedModel, 'layers' | 'kind' | 'isLowRank' | 'parameters' | 'record'> {
  const { family } = record.config.model;
  const model = modelOfRun(record);
  const isUpdate = model.adapter?.spectra === 'update';
  const order = new Map(model.layers.map(({ name }, index) => [name, index]));
  const layers = model.adapter ? changedLayers(weights.layers, isUpdate) : weights.layers;
  return {
    layers: layers.toSorted((a, b) => order.get(a.name)! - order.get(b.name)!),
    kind: { name: kindOfModel(family), from: `a run of ${family}` },
    isLowRank: isUpdate,
    parameters: () => model.parameters,
    record,
  };
}

/** The layers that an adapter changes: as they are with the update, or the update alone under the same names. */
const changedLayers = (layers: readonly WeightLayer[], isUpdate: boolean): WeightLayer[] =>
  layers
    .filter(({ matrix }) => (matrix === 'BA') === isUpdate)
    .map((layer) => (isUpdate ? { ...layer, name: layer.name.replace(/\.BA$/, '') } : layer));

/** An adapter of PEFT's: its factors follow the layer that they change. */
function ofAdapter(
  { layers }: WeightSource,
  tensors: readonly StoredTensor[],
): Pick<RatedModel, 'layers' | 'kind' | 'isLowRank' | 'parameters'> {
  const isLowRank = layers.every(({ matrix }) => matrix === 'BA');
  const changed = changedLayers(layers, isLowRank);
  const parameters = tensors.filter(isParameter).map(({ name, shape }): ParameterSpec => {
    const layer = moduleOfFactor(name);
    return { name, shape, decay: shape.length > 1, ...(layer === undefined ? {} : { layer }) };
  });
  return {
    layers: changed,
    kind: { name: 'language', from: 'an adapter of PEFT' },
    isLowRank,
    parameters: () => parameters,
  };
}

/** Where ends are left out of a model whose order is not known: those that were taken. */
function notesOnEnds({ known }: RatedModel, layers: readonly WeightLayer[], { excludeEnds }: BalanceConfig): string[] {
  if (known || excludeEnds === 'none' || layers.length === 0) return [];
  const ends = [
    ...(excludeEnds === 'last' ? [] : [`${layers[0]!.name} as the first`]),
    ...(excludeEnds === 'first' ? [] : [`${layers.at(-1)!.name} as the last`]),
  ];
  return [
    `balance.excludeEnds left out ${ends.join(' and ')}, in the order of the file; where that is not the model's, set balance.excludeEnds=none and name them in balance.exclude`,
  ];
}
