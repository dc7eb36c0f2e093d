import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../core/random.ts';
import type { TextTokenizer } from '../../datasets/text/tokenizer.ts';
import { openTensors } from '../../tensors/open-tensors.ts';
import { encodeSafetensors } from '../../tensors/safetensors.ts';
import type { HostTensors } from '../../tensors/tensor.ts';
import { hasLabels, type LanguageTask } from '../language/model.ts';
import { adapterConfigFile, adapterWeightsFile, baseConfigFile } from './adapter-config.ts';
import {
  type ConfiguredModel,
  configAfter,
  configFile,
  encodeConfig,
  type HuggingFaceConfig,
  labelsOf,
  modelOf,
  readConfig,
} from './config.ts';
import { type ExportDtype, inDtype, type WrittenTensors, withDtype } from './export-precision.ts';
import { pooledClass, pooledFile, pooledPython } from './pooled-class.ts';
import { sentenceFileNames } from './sentence-files.ts';
import { asTied } from './ties.ts';
import { type LoadedWeights, readHuggingFaceWeights } from './weights.ts';

/** A model out of a folder, with what is needed to write one like it. */
export interface HuggingFaceModel extends ConfiguredModel, LoadedWeights {
  readonly config: HuggingFaceConfig;
  /** The labels of a classifier, in the order of their numbers. */
  readonly labels: readonly string[];
  /** Tokenizer files and the like, by name. */
  readonly others: ReadonlyMap<string, Uint8Array>;
}

/** What a tokenizer and generation are set up by: copied as they are. */
const otherFiles = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'sentencepiece.bpe.model',
  'spiece.model',
  'spm.model',
  'tokenizer.model',
  'chat_template.jinja',
  'generation_config.json',
];

/** Whether a file is one that goes with a model wherever it goes: a tokenizer's and the like. */
export const isOtherFile = (name: string): boolean => otherFiles.includes(name);

/** Of an export of a model of fields: the model in PyTorch, and as ONNX. */
export const pytorchFile = 'model.py';
export const onnxFile = 'model.onnx';

/** Whether a file is one that an export writes: one of those, weights, or the description of a model or an adapter. */
export const isExportedFile = (name: string): boolean =>
  isOtherFile(name) ||
  [
    configFile,
    'model.safetensors',
    pytorchFile,
    onnxFile,
    adapterConfigFile,
    adapterWeightsFile,
    baseConfigFile,
    pooledFile,
    ...sentenceFileNames,
  ].includes(name);

/**
 * Reads a model for a task from a folder of Hugging Face's: `config.json`, `model.safetensors` or its shards, tokenizer.
 * @param options.labels of a classifier, where they are not those of the configuration; `random` draws a head that is missing, and a
 * classifier's last layer with `freshScores`
 * @throws UserError when a file is missing, the kind of model is not supported, or weights don't fit, listing all that differ
 */
export async function readHuggingFace(
  folder: string,
  options: { task: LanguageTask; labels?: readonly string[]; random: Random; freshScores?: boolean },
): Promise<HuggingFaceModel> {
  const store = await openTensors(folder);
  const config = await asTied(await readConfig(join(folder, configFile)), store);
  const labels = options.labels ?? labelsOf(config);
  const configured = modelOf(config, options.task, labels, join(folder, configFile), { stored: store });
  const { model, names } = configured;
  const weights = await readHuggingFaceWeights(store, model, names, options);
  return { ...configured, ...weights, config, labels, others: await readOtherFiles(folder) };
}

/**
 * Tokenizer files and the like of a folder, by name: they go with a model wherever it goes.
 * @param tokenizer that of the folder, whose tokenizer.json is written where the folder has none; absent: it is not.
 */
export async function readOtherFiles(
  folder: string,
  tokenizer?: Pick<TextTokenizer, 'definition'>,
): Promise<Map<string, Uint8Array>> {
  const present = new Set(await readdir(folder));
  const others = new Map<string, Uint8Array>();
  for (const name of otherFiles) if (present.has(name)) others.set(name, await readFile(join(folder, name)));
  if (tokenizer && !others.has('tokenizer.json')) {
    others.set('tokenizer.json', new TextEncoder().encode(`${JSON.stringify(tokenizer.definition)}\n`));
  }
  return others;
}

/** The Python that a class needs which `transformers` does not have, by name of the file; none for its own classes. */
export const codeBeside = (architecture: string, modelType: string): [string, Uint8Array][] =>
  architecture === pooledClass ? [[pooledFile, new TextEncoder().encode(pooledPython(modelType))]] : [];

/**
 * The files of a folder that `transformers` loads, by name.
 * @param dtype of its weights
 * @throws BeyondRangeError when they have no place in it
 */
export function huggingFaceFiles(
  from: Pick<HuggingFaceModel, 'model' | 'architecture' | 'exported' | 'config' | 'labels' | 'others'>,
  parameters: HostTensors,
  dtype: ExportDtype = 'float32',
): Map<string, Uint8Array> {
  const labels = hasLabels(from.model.task) ? from.labels : undefined;
  const config = configAfter(from.config, from, labels);
  return new Map([
    ...weightFiles(config, inDtype(parameters, dtype), dtype),
    ...codeBeside(from.architecture, config.model_type),
    ...from.others,
  ]);
}

/** The configuration and the weights of a model in a type, by names of their files. */
export function weightFiles(
  config: Readonly<Record<string, unknown>>,
  parameters: WrittenTensors,
  dtype: ExportDtype,
): Map<string, Uint8Array> {
  return new Map([
    [configFile, encodeConfig(withDtype(config, dtype))],
    ['model.safetensors', encodeSafetensors(parameters, { format: 'pt' })],
  ]);
}
