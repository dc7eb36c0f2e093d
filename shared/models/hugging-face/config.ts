import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { readJsonFile } from '../../core/json-file.ts';
import { explainJson } from '../../core/problems.ts';
import { type GivenProblem, type ProblemType, problemTypes } from '../../datasets/text/problem-type.ts';
import { blockCount } from '../language/depths.ts';
import { type Depth, type LanguageModel, type LanguageTask, poolings, type WeightNames } from '../language/model.ts';
import { kindOfClass, languageFamily } from '../language/registry.ts';
import type { LanguageModelConfig } from '../language/settings.ts';
import type { StoredWeights } from '../pretrained.ts';
import { unreadKeys } from './known-keys.ts';
import { pooledClass, pooledModule } from './pooled-class.ts';

/** What every `config.json` has, as far as it is read; a family reads more. */
const fileSchema = z.looseObject({
  model_type: z.string().optional(),
  architectures: z.array(z.string()).nullish(),
  id2label: z.record(z.string(), z.string()).nullish(),
  num_labels: z.int().positive().nullish(),
  problem_type: z.enum(problemTypes).nullish(),
  /** The pooling of a classifier by pooled embeddings; a key of our own. */
  sentence_embedding: z.strictObject({ pooling: z.enum(poolings), normalise: z.boolean() }).nullish(),
});

/** A configuration as it stands in the file. */
export type HuggingFaceConfig = z.infer<typeof fileSchema> & { readonly model_type: string };

export const configFile = 'config.json';

/**
 * A configuration; one of old that names only the class of its model gets the kind.
 * @throws UserError when the file is missing or names no kind of model.
 */
export async function readConfig(path: string): Promise<HuggingFaceConfig> {
  const config = await readJsonFile(path, fileSchema, 'the configuration of a model');
  const kinds = (config.architectures ?? []).map(kindOfClass);
  const kind = config.model_type ?? kinds.find((each) => each !== undefined);
  if (kind !== undefined) return { ...config, model_type: kind };
  throw new UserError('does not say what kind of model it describes: model_type', {
    where: path,
    remedy: 'Take the config.json that belongs to the weights, or add its model_type, e.g. bert.',
  });
}

/** Labels in the order of their numbers; two without names where the configuration says nothing, as in `transformers`. */
export function labelsOf({ id2label, num_labels: count }: HuggingFaceConfig): string[] {
  if (!id2label) return Array.from({ length: count ?? 2 }, (_, index) => `LABEL_${index}`);
  return Object.entries(id2label)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, label]) => label);
}

/**
 * What a classifier learns, as far as the settings or the configuration say it; a configuration with one label is that of a number, as in `transformers`. That
 * of a head which is replaced says nothing.
 */
export function givenProblem(
  config: HuggingFaceConfig,
  { problemType, head, folder }: Pick<LanguageModelConfig, 'problemType' | 'head' | 'folder'>,
): GivenProblem | undefined {
  if (problemType !== undefined) return { type: problemType, from: 'model.problemType' };
  if (head === 'fresh') return undefined;
  const from = (key: string) => `${key} in ${folder}/${configFile}`;
  if (config.problem_type) return { type: config.problem_type, from: from('problem_type') };
  if (!isOfNumbers(config)) return undefined;
  return { type: 'regression', from: from(config.id2label ? 'id2label, which has one label,' : 'num_labels: 1') };
}

const isOfNumbers = (config: HuggingFaceConfig) => labelsOf(config).length === 1;

/** The problem type in a classifier's configuration. */
export const problemOfConfig = (config: HuggingFaceConfig): ProblemType =>
  config.problem_type ?? (isOfNumbers(config) ? 'regression' : 'single_label_classification');

/** A model, and how its weights are named in files. */
export interface ConfiguredModel {
  readonly model: LanguageModel;
  readonly names: WeightNames;
  /** Ends of the names of layers that LoRA adapts where none are named. */
  readonly loraTargets: readonly string[];
  /** Class in `transformers`. */
  readonly architecture: string;
  /** Keys that the trained model's `config.json` has besides. */
  readonly exported?: Readonly<Record<string, unknown>>;
}

/** The deepest published models have 130 blocks or so: more is a slip, or made to fill the memory. */
const mostBlocks = 1000;

/**
 * The model that a configuration describes.
 * @param where for messages
 * @param options.stored the weights that are to be read into it, whose blocks are counted before anything is built
 * @param options.recorded whether it is that of a run on record, which was checked when the run began
 * @throws UserError when the kind of model, the task or a setting is not supported, or says more than is obeyed
 */
export function modelOf(
  config: HuggingFaceConfig,
  task: LanguageTask,
  labels: readonly string[],
  where: string,
  { stored, recorded = false }: { stored?: StoredWeights | undefined; recorded?: boolean } = {},
): ConfiguredModel {
  const { model_type: modelType } = config;
  const { family, architecture } = languageFamily(modelType, task, where);
  const parsed = family.configSchema.safeParse(config);
  const unread = recorded ? [] : unreadKeys(config, new Set(Object.keys(family.configSchema.shape)), task);
  if (!parsed.success || unread.length > 0) {
    const lines = [
      ...(parsed.success ? [] : explainJson(parsed.error.issues, config)),
      ...unread.map((key) => `${key}: ${shown(config[key])} is not read for this kind of model`),
    ];
    throw new UserError(`is not a ${modelType} that is supported:\n    ${lines.join('\n    ')}`, {
      where,
      ...(unread.length > 0 ? { remedy: unreadRemedy } : {}),
    });
  }
  const embedding = (task === 'classification' && config.sentence_embedding) || undefined;
  if (embedding && !family.isEncoder) throw notAnEncoder(modelType, where);
  checkDepth(family.depth(parsed.data!, task), stored, { task, where });
  const settings = { task, labels: labels.length, modelType, where, ...(embedding ? { embedding } : {}) };
  const { loraTargets } = family;
  const names = typeof family.names === 'function' ? family.names(task) : family.names;
  const model = family.build(parsed.data, settings);
  if (embedding) return { model, names, loraTargets, architecture: pooledClass, exported: pooledExport };
  return { model, names, loraTargets, architecture, exported: family.exported?.(parsed.data, task) ?? {} };
}

const pooledExport = { auto_map: { AutoModelForSequenceClassification: `${pooledModule}.${pooledClass}` } };

const notAnEncoder = (modelType: string, where: string) =>
  new UserError(`${modelType} is no encoder: its output is not pooled`, { where, remedy: 'Leave model.pooling out.' });

const unreadRemedy =
  'Nothing is computed by these settings here. Where transformers does not read them for this kind either, take them out of the file.';

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** @throws UserError when there are more blocks than a model has, or not as many as the weights hold. */
function checkDepth(
  { key, stored: asked, computed = asked, ofEncoder }: Depth,
  file: StoredWeights | undefined,
  { task, where }: { readonly task: LanguageTask; readonly where: string },
) {
  if (Math.max(asked, computed) > mostBlocks) {
    throw new UserError(`${key} is ${Math.max(asked, computed)}: a model has at most ${mostBlocks} blocks here`, {
      where,
      remedy: 'Take the config.json that belongs to the weights.',
    });
  }
  if (!file) return;
  const held = blockCount(file.names());
  if (held === 0 || held === asked) return;
  if (held === ofEncoder?.stored) {
    if (ofEncoder.suffices) return;
    throw new UserError(`the weights in ${file.label} have an encoder alone, and ${task} needs a decoder too`, {
      where,
      remedy: 'Take the folder of a model with both.',
    });
  }
  throw new UserError(`${key} is ${asked}, and the weights in ${file.label} have ${held} blocks`, {
    where,
    remedy: 'Take the config.json that belongs to the weights.',
  });
}

/** What is said of a classifier's head, and false of a model that has none. */
const headKeys = ['id2label', 'label2id', 'problem_type'];

/** Where a file was and how it was packed, notes of `transformers` to itself: of the machine it was on, and not of the model. */
const isOfModel = (key: string): boolean =>
  !key.startsWith('_') && !['name_or_path', 'quantization_config'].includes(key);

/** A configuration, and those in it, without what is not of the model. */
function ofModel<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const kept = Object.entries(value).filter(([key]) => isOfModel(key));
  return Object.fromEntries(kept.map(([key, inner]) => [key, ofModel(inner)])) as Value;
}

/**
 * The configuration of a model that was trained from another: its task's class and labels, weights in float32, no word of where it lay; all else as it was.
 * @param problemType of a classifier; absent: as it was
 */
export function configAfter(
  config: HuggingFaceConfig,
  { architecture, exported = {} }: Pick<ConfiguredModel, 'architecture' | 'exported'>,
  labels: readonly string[] | undefined,
  problemType?: ProblemType,
): HuggingFaceConfig {
  const left = new Set(['num_labels', ...(labels ? [] : headKeys)]);
  const own = Object.entries(config).filter(([key]) => !left.has(key));
  const kept = ofModel(Object.fromEntries(own)) as HuggingFaceConfig;
  const floats = Object.fromEntries(
    ['dtype', 'torch_dtype'].filter((key) => key in kept).map((key) => [key, 'float32']),
  );
  const named = labels && {
    id2label: Object.fromEntries(labels.map((label, index) => [`${index}`, label])),
    label2id: Object.fromEntries(labels.map((label, index) => [label, index])),
    ...(problemType ? { problem_type: problemType } : {}),
  };
  return { ...kept, ...floats, ...named, ...exported, architectures: [architecture] };
}

/** Numbers that `transformers` takes as floats alone: without their point it refuses the file. */
const floats = [
  ...['initializer_range', 'initializer_factor', 'initializer_cutoff_factor', 'rms_norm_eps', 'layer_norm_eps'],
  ...['layer_norm_epsilon', 'norm_eps', 'attn_logit_softcapping', 'final_logit_softcapping'],
];
const wholeFloat = new RegExp(`^( {2}"(?:${floats.join('|')})": -?\\d+)(,?)$`, 'gm');

/** A configuration as the bytes of its file. */
export function encodeConfig(config: Readonly<Record<string, unknown>>): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(config, null, 2).replace(wholeFloat, '$1.0$2')}\n`);
}
