import type { RunConfig } from '../config/run-file.ts';
import type { RecordedAxis, RecordedGrid } from '../datasets/coordinates.ts';
import type { Normaliser } from '../datasets/normaliser.ts';
import type { FieldDatasetConfig } from '../datasets/registry.ts';
import { fittedHead, trainedBody } from '../models/fitted-head.ts';
import { adapterFiles } from '../models/hugging-face/adapter.ts';
import { type AdapterConfig, baseConfigFile } from '../models/hugging-face/adapter-config.ts';
import {
  configAfter,
  configFile,
  encodeConfig,
  type HuggingFaceConfig,
  modelOf,
} from '../models/hugging-face/config.ts';
import {
  type ExportDtype,
  exportDtypeOf,
  inDtype,
  readInDtype,
  withDtype,
} from '../models/hugging-face/export-precision.ts';
import { codeBeside, pytorchFile, weightFiles } from '../models/hugging-face/folder.ts';
import { type Reinitialised, reinitialised } from '../models/hugging-face/reinitialise.ts';
import { type EmbedsTexts, sentenceFiles } from '../models/hugging-face/sentence-files.ts';
import { hasLabels, taskOfModel, type WeightNames } from '../models/language/model.ts';
import type { AdapterSpectra } from '../models/language/settings.ts';
import { type LoraModel, mergeAdapter, spectraShapes, withLora } from '../models/lora.ts';
import type { FieldModel, TrajectoryFormat } from '../models/model.ts';
import { buildModel, pytorchOf } from '../models/registry.ts';
import type { ShapeOf } from '../spectra/analyse.ts';
import { bufferSource } from '../tensors/byte-source.ts';
import type { Layer, ParameterSpec } from '../tensors/layer.ts';
import { openSafetensors } from '../tensors/safetensors.ts';
import type { HostTensors } from '../tensors/tensor.ts';
import type { WorkloadPlan } from '../training/workload.ts';
import { files, type RunRecord } from './records.ts';

/** An adapter on a frozen base, without weights. */
interface RunAdapter {
  readonly model: LoraModel;
  /** The names of the base's weights. */
  readonly names: WeightNames;
  /** The path of the base, as the settings name it. */
  readonly base: string;
  readonly spectra: AdapterSpectra;
}

/** A model of fields, in the units of the data. */
export interface RunFields {
  readonly model: FieldModel;
  readonly format: TrajectoryFormat;
  /** Absent: an earlier version noted none. */
  readonly coordinates?: readonly RecordedAxis[] | undefined;
  /** The source of `model.py`. */
  readonly pytorch: string;
}

/** A run's model without its weights. */
export interface RunModel {
  readonly layers: readonly Layer[];
  /** The parameters that are trained, and are in an epoch's weights. */
  readonly parameters: readonly ParameterSpec[];
  /** The parameters that are not trained. */
  readonly frozen: readonly ParameterSpec[];
  /** Of the matrices that spectra are taken of, by the names of the layers' weights. */
  readonly shapeOf: ShapeOf;
  /** What, besides the weights, is needed to build it again: the exported `config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly adapter?: RunAdapter;
  /** The facts about a model of fields that its export needs. */
  readonly fields?: RunFields;
  /** The parts that were drawn from the seed in place of the folder's. */
  readonly reinitialised?: Reinitialised;
  /** Of a model that learnt to embed texts, as sentence-transformers is to do it. */
  readonly embeds?: EmbedsTexts;
}

/** The record that a run's model follows from. */
export interface ModelRecord extends Pick<RunRecord, 'config' | 'model'> {
  readonly dataset: Readonly<Record<string, unknown>>;
  readonly adapter?: { readonly config: AdapterConfig; readonly base: { readonly path: string } } | undefined;
}

/** The model that a plan trains. */
export function modelOfPlan(config: RunConfig, { data, model, adapter }: WorkloadPlan): RunModel {
  return modelOfRun({
    config,
    dataset: data,
    model: model as ModelRecord['model'],
    adapter: adapter && { config: adapter.config, base: { path: adapter.base } },
  });
}

/** The models of records that are still in use. */
const described = new WeakMap<ModelRecord, RunModel>();

/** The model that a run trains, from the run's record alone: neither data nor engine are opened. */
export function modelOfRun(record: ModelRecord): RunModel {
  const model = described.get(record) ?? describeModel(record);
  described.set(record, model);
  return model;
}

function describeModel(record: ModelRecord): RunModel {
  if (record.config.model.family === 'huggingface') return languageModelOf(record, record.config.model);
  const { config, dataset } = record;
  const recorded = fieldsOfRecord({ config, dataset });
  const { channels, statics, rolloutSteps, coordinates, times } = recorded;
  const format = formatOf(recorded);
  const model = buildModel(record.config.model, format);
  const { layers, parameters } = model;
  const settings = {
    ...config.model,
    weights: undefined,
    head: undefined,
    ...format,
    rolloutSteps,
    channelNames: channels,
    ...(statics.length > 0 ? { staticNames: statics } : {}),
    ...(coordinates ? { coordinates } : {}),
    ...(times ? { times } : {}),
  };
  const fields = { model, format, coordinates, pytorch: pytorchOf(record.config.model) };
  return { layers, parameters, frozen: [], shapeOf: shapesIn(parameters), config: settings, fields };
}

/** The record of a run's fields. */
export interface RecordedFields extends RecordedGrid {
  /** Points along each space axis. */
  readonly space: readonly number[];
  /** Names of what is predicted. */
  readonly channels: readonly string[];
  /** Names of what is given and doesn't change with time. */
  readonly statics: readonly string[];
  /** Time steps that the model is given. */
  readonly window: number;
  readonly rolloutSteps: number;
  /** The rows in words, as in `0-99`. */
  readonly trainingRows?: string;
  readonly validationRows?: string;
  /** Absent: there are no test data. */
  readonly testRows?: string;
  /** By which the model is in the units of the data; absent: it was trained on them as they are. */
  readonly normaliser?: Normaliser;
}

/** The fields of a run's record, whatever version wrote it. */
export function fieldsOfRecord({ config, dataset }: Pick<ModelRecord, 'config' | 'dataset'>): RecordedFields {
  // The settings' schema holds format and family together.
  const { window } = config.dataset as FieldDatasetConfig;
  return { statics: [], window, ...(dataset as unknown as Omit<RecordedFields, 'statics' | 'window'>) };
}

/** The data format that a model of such fields is built for. */
export const formatOf = ({ space, channels, window, statics, normaliser }: RecordedFields) => ({
  kind: 'trajectories' as const,
  space,
  channels: channels.length,
  window,
  ...(statics.length > 0 ? { statics: statics.length } : {}),
  ...(normaliser ? { normaliser } : {}),
});

function languageModelOf(
  { dataset, model: original, adapter }: ModelRecord,
  {
    task: trained,
    lora,
    reinitialise,
    maxTokens,
    problemType = 'single_label_classification',
  }: Extract<ModelRecord['config']['model'], { family: 'huggingface' }>,
): RunModel {
  const { labels = [] } = dataset as { labels?: readonly string[] };
  const whole = original as HuggingFaceConfig;
  const task = taskOfModel(trained);
  const configured = modelOf(whole, task, labels, 'run.json', { recorded: true });
  const { model, names } = configured;
  const config = configAfter(
    whole,
    configured,
    hasLabels(task) ? labels : undefined,
    task === 'classification' ? problemType : undefined,
  );
  if (!adapter) {
    const isFewShot = trained === 'few-shot-classification';
    const { layers, frozen } = model;
    const parameters = isFewShot ? trainedBody(model) : model.parameters;
    const sentences = isFewShot && whole.sentence_embedding;
    const anew = reinitialise === undefined ? {} : { reinitialised: reinitialised(model, names, reinitialise) };
    return {
      layers,
      parameters,
      frozen,
      shapeOf: shapesIn(parameters),
      config,
      ...anew,
      ...(sentences ? { embeds: { embedding: sentences, size: fittedHead(model)[0]!.shape[1]!, maxTokens } } : {}),
    };
  }
  const base = adapter.base.path;
  const adapted = withLora(model, { ...adapter.config, base_model_name_or_path: base });
  const { layers, parameters, frozen } = adapted;
  const spectra = lora?.spectra ?? 'merged';
  const shapes = spectraShapes(adapted, spectra);
  return {
    layers,
    parameters,
    frozen,
    shapeOf: (name) => shapes.get(name),
    config,
    adapter: { model: adapted, names, base, spectra },
  };
}

function shapesIn(parameters: readonly ParameterSpec[]): ShapeOf {
  const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
  return (name) => shapes.get(name);
}

/** The type that a run's exports are in where nothing else is asked for. */
export const dtypeOfRun = ({ config, model }: Pick<ModelRecord, 'config' | 'model'>): ExportDtype =>
  exportDtypeOf(config.output.dtype, model ?? {});

/**
 * The files of a run's model: of fields, a folder that PyTorch loads by `model.py`; of Hugging Face's; or, of an adapter, one that PEFT loads.
 * @param dtype of the weights of a language model
 * @throws BeyondRangeError when they have no place in it
 */
export async function exportedFiles(
  { config, adapter, fields, embeds }: Pick<RunModel, 'config' | 'adapter' | 'fields' | 'embeds'>,
  weights: Uint8Array,
  dtype: ExportDtype = 'float32',
): Promise<Map<string, Uint8Array>> {
  const described = encodeConfig(withDtype(config, dtype));
  if (fields) {
    return new Map([
      [files.model, weights],
      [configFile, described],
      [pytorchFile, new TextEncoder().encode(fields.pytorch)],
    ]);
  }
  if (!adapter) {
    const written =
      dtype === 'float32'
        ? new Map([
            [files.model, weights],
            [configFile, described],
          ])
        : await weightFiles(config, await readInDtype(await tensorFile(weights), dtype), dtype);
    return new Map([...written, ...codeOf(config), ...(embeds ? sentenceFiles(embeds) : [])]);
  }
  return new Map([
    ...(await adapterFiles(adapter.model, await tensorsIn(weights), dtype)),
    [baseConfigFile, described],
  ]);
}

/** The files of a whole folder of Hugging Face's, with an adapter in the weights of its base. Takes and throws what `exportedFiles` does. */
export async function mergedFiles(
  { config, adapter }: Pick<RunModel, 'config' | 'adapter'>,
  weights: Uint8Array,
  frozen: HostTensors,
  dtype: ExportDtype = 'float32',
): Promise<Map<string, Uint8Array>> {
  const merged = mergeAdapter(adapter!.model, new Map([...frozen, ...(await tensorsIn(weights))]));
  return weightFiles(config, inDtype(merged, dtype), dtype);
}

function codeOf(config: RunModel['config']): [string, Uint8Array][] {
  const { architectures, model_type: modelType } = config as Partial<HuggingFaceConfig>;
  return (architectures ?? []).flatMap((name) => codeBeside(name, modelType!));
}

const tensorFile = (weights: Uint8Array) => openSafetensors(bufferSource(files.model, weights));

const tensorsIn = async (weights: Uint8Array): Promise<HostTensors> => (await tensorFile(weights)).readAll();
