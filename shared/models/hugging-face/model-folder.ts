/** A language model's folder before its weights are read: of a whole model, or of an adapter, whose base lies elsewhere. */
import { join } from 'node:path';
import { UserError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import type { ParameterSpec } from '../../tensors/layer.ts';
import { openTensors, pathKind } from '../../tensors/open-tensors.ts';
import { elementCount, type FixedTensors, formatShape, type HostTensors, totalCount } from '../../tensors/tensor.ts';
import type { TensorStore } from '../../tensors/tensor-store.ts';
import { hasLabels, type LanguageModel, type LanguageTask } from '../language/model.ts';
import type { LoraConfig } from '../language/settings.ts';
import { freshAdapter, type LoraModel, newAdapterConfig, usualLora, withLora } from '../lora.ts';
import type { Drawn } from '../model.ts';
import type { Reading } from '../pretrained.ts';
import { openAdapter, readAdapter } from './adapter.ts';
import {
  type AdapterConfig,
  adapterConfigFile,
  baseConfigFile,
  isAdapter,
  namedBase,
  readAdapterConfig,
} from './adapter-config.ts';
import { isSaved } from './adapter-modules.ts';
import { type ConfiguredModel, configFile, type HuggingFaceConfig, labelsOf, modelOf, readConfig } from './config.ts';
import { type Reinitialised, reinitialised } from './reinitialise.ts';
import { asTied } from './ties.ts';
import { freshParameters, headOf, readHuggingFaceTensors, scoredLabels, scoreNames } from './weights.ts';

/** The files of a model's folder. */
export interface ModelFolder {
  readonly folder: string;
  /** Where the whole weights are: the same folder, or an adapter's base. */
  readonly base: string;
  /** Of the base; of an adapter that has one beside it, that one, for its labels. */
  readonly config: HuggingFaceConfig;
  /** The folder of the tokenizer: an adapter may have its base's. */
  readonly tokenizer: string;
  /** The whole weights; absent: all are to be drawn. */
  readonly weights?: TensorStore;
  readonly adapter?: AdapterConfig;
}

/**
 * Opens the folder of a model, or that of a LoRA adapter of PEFT's with its base.
 * @param options.base of an adapter, where it does not lie where the adapter says
 * @param options.fresh whether the weights are not wanted: the folder need not have any
 * @param options.remedy where they are wanted and not there
 * @throws UserError when a file is missing, or the base is not to be found
 */
export async function openModelFolder(
  folder: string,
  { base, fresh = false, remedy }: { base?: string | undefined; fresh?: boolean; remedy?: string | undefined } = {},
): Promise<ModelFolder> {
  if (!(await isAdapter(folder))) {
    const config = await readConfig(join(folder, configFile));
    if (base === undefined) {
      const weights = fresh ? undefined : await openTensors(folder, { remedy });
      const described = { folder, base: folder, config: await asTied(config, weights), tokenizer: folder };
      return weights ? { ...described, weights } : described;
    }
    throw new UserError('is not an adapter, so it has no base', {
      where: folder,
      remedy: 'Leave the base out, or give the folder with adapter_config.json.',
    });
  }
  if (fresh) throw adapterWithoutBase(folder);
  const adapter = await readAdapterConfig(folder);
  const found = base ?? (await namedBase(folder, adapter));
  if (found === undefined) throw missingBase(folder, adapter);
  const has = (file: string) => pathKind(join(folder, file));
  const own = (await has(baseConfigFile)) ? baseConfigFile : (await has(configFile)) ? configFile : undefined;
  const weights = await openTensors(found);
  return {
    folder,
    base: found,
    config: await asTied(await readConfig(own === undefined ? join(found, configFile) : join(folder, own)), weights),
    tokenizer: (await has('tokenizer.json')) ? folder : found,
    weights,
    adapter,
  };
}

/**
 * The folder as if its configuration named the number of padding, where a classifier has none: a decoder finds the last token of a text
 * by it, and `transformers` takes no batch without.
 * @param padding the tokenizer's; undefined: there is none
 */
export function withPadding(opened: ModelFolder, padding: number | undefined): ModelFolder {
  const { config, base, weights: stored } = opened;
  if (padding === undefined) return opened;
  const { model } = modelOf(config, 'classification', labelsOf(config), join(base, configFile), { stored });
  return model.padding === undefined ? { ...opened, config: { ...config, pad_token_id: padding } } : opened;
}

const adapterWithoutBase = (folder: string) =>
  new UserError('is an adapter, which means nothing on fresh weights', {
    where: folder,
    remedy: 'Give a folder with config.json and tokenizer.json, or leave model.fresh out.',
  });

function missingBase(folder: string, { base_model_name_or_path: named }: AdapterConfig): UserError {
  return new UserError(named ? `its base, ${named}, is not a folder here` : 'it names no base', {
    where: join(folder, adapterConfigFile),
    remedy: "Name the base's folder: model.base in the run file, --base on the command line.",
  });
}

/**
 * The labels that a folder's head scores, by the names of the configuration where it names as many; undefined where it has no head.
 * @param task of texts, or of tokens
 * @throws UserError when the weights can't be read, or the kind of model is not supported.
 */
export async function labelsOfHead(
  { folder, base, config, weights, adapter }: ModelFolder,
  task: LanguageTask = 'classification',
): Promise<string[] | undefined> {
  if (!weights) return undefined;
  const configured = labelsOf(config);
  const { model, names } = modelOf(config, task, configured, join(base, configFile), { stored: weights });
  const own = adapter && scoredLabels(await openAdapter(folder), model, names);
  const count = own ?? scoredLabels(weights, model, names);
  if (count === undefined || count === configured.length) return count === undefined ? undefined : configured;
  return Array.from({ length: count }, (_, place) => `LABEL_${place}`);
}

/** A classifier's labels: of an adapter as many as its head scores, else those of the configuration. */
export const labelsOfFolder = async (opened: ModelFolder, task?: LanguageTask): Promise<string[]> =>
  (opened.adapter && (await labelsOfHead(opened, task))) ?? labelsOf(opened.config);

/** A model that can be trained, without its weights. */
export interface BuiltModel extends ConfiguredModel {
  /** The adapter with its frozen base, where there is one. */
  readonly adapter?: LoraModel;
  /** Parameters of heads that there are no weights of: drawn. */
  readonly fresh: readonly string[];
  /** The parts that are drawn anew in place of the folder's. */
  readonly reinitialised?: Reinitialised;
  /** The modules that are drawn, a layer that replaces the weights' own included, or all; absent: none. An update of zeros is none. */
  readonly drawn?: Drawn;
  /**
   * The values of all parameters, frozen ones included.
   * @param random draws what is fresh
   * @param tell told what of the files was taken, and how
   * @throws UserError listing what does not fit
   */
  read(random: Random, tell?: Tell): Promise<HostTensors>;
  /** Of them the values of what is trained; of the others nothing is kept. Takes and throws what `read` does. */
  readTrained(random: Random, tell?: Tell): Promise<HostTensors>;
  /** The values of what is frozen; matrices in 16 bits stay so where the file holds them so. Takes and throws what `read` does. */
  readFrozen(random: Random): Promise<FixedTensors>;
  /** The number of frozen parameters that stay in 16 bits; absent: none. */
  readonly frozenHalves?: number;
}

type Tell = (note: string) => void;

/**
 * The model of a folder for a task: a whole one, one with a new adapter, or one with the adapter that the folder holds.
 * @param options.lora settings of the adapter; absent: a new one is not made
 * @param options.freshScores whether a classifier's last layer is drawn in any case
 * @param options.reinitialise how many of the top blocks are drawn
 * @throws UserError when model and task, or model and adapter, don't fit each other, or the model has fewer blocks
 */
export function buildLanguageModel(
  opened: ModelFolder,
  {
    task,
    labels,
    lora,
    freshScores = false,
    reinitialise,
  }: {
    task: LanguageTask;
    labels: readonly string[];
    lora?: LoraConfig | undefined;
    freshScores?: boolean;
    reinitialise?: number | undefined;
  },
): BuiltModel {
  const configured = modelOf(opened.config, task, labels, join(opened.base, configFile), { stored: opened.weights });
  const { model: unadapted, names } = configured;
  const { weights, adapter: stored } = opened;
  if (!weights) {
    checkDrawable(unadapted.parameters, join(opened.base, configFile));
    const drawn = unadapted.parameters.map(({ name }) => name);
    const read: BuiltModel['read'] = async (random) => unadapted.initialise(random);
    return { ...configured, fresh: drawn, drawn: 'all', ...partsOf(unadapted, read) };
  }
  const isStored = (name: string) => stored !== undefined && isSaved(name, stored);
  const fresh = freshParameters(weights, unadapted, names).filter((name) => !isStored(name));
  // The base of an adapter with a head of its own may have one for other labels.
  const options = { freshScores: freshScores || scoreNames(unadapted).some(isStored) };
  const anew = reinitialise === undefined ? undefined : reinitialised(unadapted, names, reinitialise);
  const replaced = anew?.parameters ?? [];
  const modules = modulesOf([...fresh, ...(freshScores ? scoreNames(unadapted) : []), ...replaced]);
  const drawn = modules.length > 0 ? { drawn: modules } : {};
  const whole = async (random: Random, tell?: Tell, readingOf?: (parameter: ParameterSpec) => Reading) => {
    const given = { ...options, replaced, random, tell, ...(readingOf ? { readingOf } : {}) };
    return (await readHuggingFaceTensors(weights, unadapted, names, given)).parameters;
  };
  const asFloats: BuiltModel['read'] = async (random, tell) => (await whole(random, tell)) as HostTensors;
  if (!lora && !stored)
    return {
      ...configured,
      fresh,
      ...drawn,
      ...(anew ? { reinitialised: anew } : {}),
      ...partsOf(unadapted, asFloats),
    };
  if (anew) throw reinitialisedAdapter(opened.folder);
  const config = stored
    ? adapterGoneOnWith(opened, stored, headsOf(fresh, configured), lora)
    : newAdapter(opened.base, configured, headsOf(fresh, configured), lora!);
  const model = withLora(configured.model, config);
  const frozen = new Set(model.frozen.map(({ name }) => name));
  const trainedOf = async (base: HostTensors, random: Random) =>
    stored ? (await readAdapter(opened.folder, configured.model)).parameters : freshAdapter(model, base, random);
  return {
    ...configured,
    model,
    adapter: model,
    fresh,
    ...drawn,
    frozenHalves: Math.min(halvesIn(weights), totalCount(model.frozen)),
    async read(random, tell) {
      const base = await asFloats(random, tell);
      return new Map([...base, ...(await trainedOf(base, random))]);
    },
    async readTrained(random, tell) {
      const base = await whole(random, tell, ({ name }) => (frozen.has(name) ? 'checked' : 'widened'));
      const own = base as HostTensors;
      return valuesOf(model.parameters, new Map([...own, ...(await trainedOf(own, random))]));
    },
    async readFrozen(random) {
      const readingOf = ({ name, shape }: ParameterSpec): Reading =>
        !frozen.has(name) ? 'checked' : shape.length === 2 ? 'asStored' : 'widened';
      return whole(random, undefined, readingOf);
    },
  };
}

/** Numbers of the matrices that are stored in 16 bits. */
function halvesIn(weights: TensorStore): number {
  const halves = weights
    .names()
    .map((name) => weights.entry(name))
    .filter(({ dtype, shape }) => shape.length === 2 && (dtype === 'F16' || dtype === 'BF16'));
  return halves.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

/** Training takes 16 bytes for each parameter in float32 with AdamW: for so many, 32 GiB. */
const mostDrawn = 2 ** 31;

/** @throws UserError when more is to be drawn than fits, which no weights stand against. */
function checkDrawable(parameters: BuiltModel['model']['parameters'], where: string): void {
  const sizes = parameters.map(({ name, shape }) => ({ name, shape, count: elementCount(shape) }));
  const count = sizes.reduce((sum, each) => sum + each.count, 0);
  if (count <= mostDrawn) return;
  const largest = sizes.reduce((most, each) => (each.count > most.count ? each : most));
  throw new UserError(
    `describes a model of ${count} parameters, the largest tensor ${largest.name} ${formatShape(largest.shape)}: at most ${mostDrawn} are drawn`,
    { where, remedy: 'Make the model smaller, or give weights instead of model.fresh.' },
  );
}

const valuesOf = (specs: readonly ParameterSpec[], all: HostTensors): HostTensors =>
  new Map(specs.map(({ name }) => [name, all.get(name)!]));

/** The parts of a whole model, without an adapter. */
const partsOf = (
  { parameters, frozen }: LanguageModel,
  read: BuiltModel['read'],
): Pick<BuiltModel, 'read' | 'readTrained' | 'readFrozen'> => ({
  read,
  readTrained: async (random, tell) => valuesOf(parameters, await read(random, tell)),
  readFrozen: async (random) => (frozen.length === 0 ? new Map() : valuesOf(frozen, await read(random))),
});

const reinitialisedAdapter = (folder: string) =>
  new UserError(
    'model.reinitialise takes a whole model: beside an adapter the drawn blocks would stay as they were drawn',
    {
      where: folder,
      remedy: 'Give the folder of a whole model and leave model.lora out, or leave model.reinitialise out.',
    },
  );

/** A classifier's head is trained with an adapter, as PEFT does it, and so is every other head that the base has nothing of. */
function newAdapter(
  base: string,
  configured: ConfiguredModel,
  fresh: readonly string[],
  lora: LoraConfig,
): AdapterConfig {
  const { model, names, loraTargets } = configured;
  const { targets = loraTargets, alsoTrained, spectra: _, ...chosen } = lora;
  const own = model.parameters.flatMap(({ name }) => (name.startsWith(names.prefix) ? [] : [name]));
  const heads = hasLabels(model.task) ? headsOf(own, configured) : [];
  const modules = [...new Set([...alsoTrained, ...heads, ...fresh])];
  return newAdapterConfig(model, base, { ...usualLora, ...chosen, targets, alsoTrained: modules });
}

/** The settings that only a new adapter can choose. */
const ownSettings = ['rank', 'alpha', 'targets', 'rankStabilised'] as const;

function adapterGoneOnWith(
  { folder, base }: ModelFolder,
  stored: AdapterConfig,
  fresh: readonly string[],
  lora: LoraConfig | undefined,
): AdapterConfig {
  const chosen = ownSettings.filter((setting) => lora?.[setting] !== undefined);
  if (chosen.length > 0) {
    throw new UserError(`the adapter in ${folder} has its own ${chosen.join(', ')}`, {
      where: 'model.lora',
      remedy: `Leave ${chosen.length === 1 ? 'it' : 'them'} out, or give the folder of the base for a new adapter.`,
    });
  }
  const modules = [...new Set([...(stored.modules_to_save ?? []), ...(lora?.alsoTrained ?? []), ...fresh])];
  return {
    ...stored,
    base_model_name_or_path: base,
    modules_to_save: modules.length > 0 ? modules : null,
    ...(lora?.dropout === undefined ? {} : { lora_dropout: lora.dropout }),
  };
}

/** The modules that parameters are of: their names without the last part. */
const modulesOf = (parameters: readonly string[]): string[] => [
  ...new Set(parameters.map((name) => name.replace(/\.[^.]*$/, ''))),
];

/** The heads that parameters are of. */
const headsOf = (parameters: readonly string[], { names }: ConfiguredModel): string[] =>
  parameters.flatMap((name) => headOf(name, names.prefix) ?? []);
