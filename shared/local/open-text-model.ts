/** A model of texts from this machine, to predict with: a folder of Hugging Face's, or one of our runs. */
import { join } from 'node:path';
import { readArtifact } from '../checkpoints/manifest.ts';
import { UserError } from '../core/errors.ts';
import { randomFor } from '../core/random.ts';
import type { ColumnNames } from '../datasets/text/column-names.ts';
import type { ProblemType } from '../datasets/text/problem-type.ts';
import type { ColumnSettings } from '../datasets/text/settings.ts';
import { openTokenizer, type TextTokenizer } from '../datasets/text/tokenizer.ts';
import { openWordTokenizer } from '../datasets/text/word-tokenizer.ts';
import { type HuggingFaceConfig, labelsOf, modelOf, problemOfConfig } from '../models/hugging-face/config.ts';
import { type GenerationSettings, readGeneration } from '../models/hugging-face/generation-config.ts';
import { buildLanguageModel, labelsOfFolder, openModelFolder } from '../models/hugging-face/model-folder.ts';
import { type LanguageModel, type LanguageTask, taskOfModel } from '../models/language/model.ts';
import { taskOfClass, tasksOf } from '../models/language/registry.ts';
import { taskTypes } from '../models/lora.ts';
import type { TaskContext } from '../pipeline/context.ts';
import { modelFileOf } from '../pipeline/records.ts';
import { frozenOf } from '../pipeline/run-base.ts';
import { modelOfRun } from '../pipeline/run-model.ts';
import { bufferSource } from '../tensors/byte-source.ts';
import { pathKind } from '../tensors/open-tensors.ts';
import { openSafetensors } from '../tensors/safetensors.ts';
import type { HostTensors } from '../tensors/tensor.ts';
import { mostTargetTokens } from '../training/workloads/words-to-write.ts';
import { findEpoch } from './run-epoch.ts';
import { type RunFolder, runAt } from './run-folder.ts';

const predictedTasks = ['classification', 'token-classification', 'seq2seq'] as const satisfies readonly LanguageTask[];
type PredictedTask = (typeof predictedTasks)[number];

/** A model that labels texts or their words, predicts numbers of texts, or writes others. */
export interface TextModel {
  readonly model: LanguageModel;
  /** Whether it labels texts or their words, or writes. */
  readonly task: PredictedTask;
  /** The problem type of one that labels texts. */
  readonly problemType: ProblemType;
  /** The labels in the order of their numbers; empty for one that writes. */
  readonly labels: readonly string[];
  readonly tokenizer: TextTokenizer;
  readonly parameters: HostTensors;
  /** Longest text that it was trained on, or can take within reason. */
  readonly maxTokens: number;
  /** Of one that writes: the longest text that it was trained to write, or writes within reason. */
  readonly maxTargetTokens: number;
  /** The tokens that begin and end a text, by the folder of one that writes. */
  readonly generation?: GenerationSettings;
  /** The epoch, where the model is of a run. */
  readonly epoch?: number;
  /** Of a run: what the columns of its data are called, where its settings name them. */
  readonly columns?: ColumnNames;
  /** Of a run: whether its texts were single ones whatever second texts a file has; absent: no. */
  readonly takesSingle?: boolean;
  /** A sentence about its tokenizer that a user may not expect. */
  readonly note?: string | undefined;
  /** The text that separates the labels of a row, where the model is of a run. */
  readonly labelDelimiter?: string | undefined;
}

/** A model, the folder that its other settings are in, and its `config.json`. */
type OpenedModel = TextModel & { readonly folder: string; readonly config: HuggingFaceConfig };

/** What a model that was not trained here takes at most, unless more is asked for: longer texts cost much memory. */
const usualTokens = 512;
const usualTargetTokens = 128;

/**
 * Opens the model in a folder of Hugging Face's or of an adapter, or that of a run: of the given epoch, or the best so far.
 * @param options.base of an adapter, where it does not lie where the adapter says
 * @param options.localPath where a run's base is on this machine
 * @param options.greedy whether a folder's settings that ask for more than greedy search are passed over
 * @throws UserError when there is none, or it is another kind of model.
 */
export async function openTextModel(
  path: string,
  {
    epoch,
    base,
    localPath,
    greedy,
  }: {
    epoch?: number | undefined;
    base?: string | undefined;
    localPath: TaskContext['localPath'];
    greedy?: boolean | undefined;
  },
): Promise<TextModel> {
  const run = await runAt(path);
  if (!run && epoch !== undefined) {
    throw new UserError('is not a run, so it has no epochs', { where: path, remedy: 'Leave --epoch out.' });
  }
  if (run && base !== undefined) {
    throw new UserError('is a run, whose base is on record', { where: path, remedy: 'Leave --base out.' });
  }
  const { folder, config, ...model } = await (run ? openRun(path, run, epoch, localPath) : openFolder(path, base));
  checkLabels(path, model);
  if (model.task !== 'seq2seq') return model;
  const generation = await readGeneration(folder, config, { greedy });
  // A run's own limit is that of the targets that it was trained on.
  const maxTargetTokens = run ? model.maxTargetTokens : (generation.maxTargetTokens ?? model.maxTargetTokens);
  return { ...model, maxTargetTokens, generation };
}

/** @throws UserError when labels can't be told apart, or are not as many as the problem type has. */
function checkLabels(path: string, { labels, problemType, task }: TextModel): void {
  if (task === 'seq2seq') return;
  if (task === 'classification' && problemType === 'regression' && labels.length > 1) {
    throw new UserError(`predicts ${labels.length} numbers of a text, and one is supported`, {
      where: path,
      remedy: 'Give a model with one label, or mend problem_type in its config.json.',
    });
  }
  if ((task !== 'classification' || problemType === 'single_label_classification') && labels.length < 2) {
    throw new UserError('has one label: there is nothing to tell apart', {
      where: path,
      remedy: 'Give a model with two labels or more; one that gives numbers has problem_type regression.',
    });
  }
  const wrong = labels.find((label, place) => label === '' || labels.indexOf(label) < place);
  if (wrong === undefined) return;
  throw new UserError(wrong === '' ? 'has a label without a name' : `has two labels ${JSON.stringify(wrong)}`, {
    where: path,
    remedy: 'Give each its own name under id2label in config.json.',
  });
}

async function openRun(
  path: string,
  folder: RunFolder,
  wanted: number | undefined,
  localPath: TaskContext['localPath'],
): Promise<OpenedModel> {
  const { record, manifest, epoch } = await findEpoch(path, folder, wanted);
  const { model: settings, dataset } = record.config;
  if (settings.family !== 'huggingface') {
    throw new UserError(`trained a model of fields (${settings.family}), which takes no texts`, {
      where: path,
      remedy: 'Give a run with model.family: huggingface, or a folder of Hugging Face.',
    });
  }
  const task = predictedTask(taskOfModel(settings.task));
  const described = modelOfRun(record);
  const config = described.config as HuggingFaceConfig;
  if (!task) throw notPredicted(path, `trained for ${settings.task}`, config);
  const labels = labelsFor(task, config);
  const { model } = described.adapter ?? modelOf(config, task, labels, path, { recorded: true });
  // The manifest was found by its weights.
  const bytes = (await readArtifact(folder.store, manifest, modelFileOf(manifest)))!;
  const trained = await (await openSafetensors(bufferSource(path, bytes))).readAll();
  const frozen = await frozenOf(record, described, localPath);
  const exported = join(folder.root, folder.run, 'model');
  return {
    ...{ folder: exported, config },
    model,
    task,
    problemType: problemOfConfig(config),
    labels,
    // It was taken with the space that words need when the run began.
    tokenizer: await openTokenizer(exported, config),
    parameters: new Map([...frozen, ...trained]),
    maxTokens: settings.maxTokens,
    maxTargetTokens: mostTargetTokens(settings),
    epoch,
    takesSingle:
      settings.task === 'few-shot-classification' || ('columns' in dataset && dataset.columns.textPair === false),
    ...('columns' in dataset ? { columns: namesOf(dataset.columns), labelDelimiter: dataset.labelDelimiter } : {}),
  };
}

const namesOf = ({ label, textPair, ...others }: ColumnSettings['columns']): ColumnNames => ({
  ...others,
  ...(label === false ? {} : { label }),
  ...(textPair === false ? {} : { textPair }),
});

async function openFolder(path: string, base: string | undefined): Promise<OpenedModel> {
  if ((await pathKind(path)) !== 'folder') {
    throw new UserError('is neither a run nor the folder of a model', {
      where: path,
      remedy:
        'Give a run (`npx tempbalance runs` lists them), or a folder with config.json, model.safetensors and tokenizer.json.',
    });
  }
  const opened = await openModelFolder(path, { base });
  const { config, adapter } = opened;
  const own = config.architectures ?? [];
  const type = adapter?.task_type;
  const task =
    predictedTasks.find((each) => (type ? type === taskTypes[each] : own.some((name) => taskOfClass(name) === each))) ??
    'classification';
  const tagged = task === 'token-classification';
  const labels = task === 'seq2seq' ? [] : await labelsOfFolder(opened, task);
  const { model, architecture, fresh, read } = buildLanguageModel(opened, { task, labels });
  if (type && type !== taskTypes[task]) throw notPredicted(path, `is an adapter for ${type}`, config);
  if (!type && own.length > 0 && !own.includes(architecture))
    throw notPredicted(path, `is a ${own.join(', ')}`, config);
  const words = tagged ? await openWordTokenizer(opened.tokenizer, config) : undefined;
  const tokenizer = words?.tokenizer ?? (await openTokenizer(opened.tokenizer, config));
  if (fresh.length > 0) throw notPredicted(path, `has no weights for ${fresh.join(', ')}`, config);
  const parameters = await read(randomFor(0, 'initialise'));
  const problemType = problemOfConfig(config);
  const maxTokens = Math.min(model.maxTokens, usualTokens);
  return {
    ...{ folder: opened.base, config },
    ...{ model, task, problemType, labels, tokenizer, parameters, maxTokens },
    maxTargetTokens: usualTargetTokens,
    note: words?.note,
  };
}

const predictedTask = (task: LanguageTask): PredictedTask | undefined => predictedTasks.find((each) => each === task);

const labelsFor = (task: PredictedTask, config: HuggingFaceConfig): string[] =>
  task === 'seq2seq' ? [] : labelsOf(config);

const learntWith: Readonly<Record<PredictedTask, string>> = {
  classification: 'model.task: classification and labelled texts',
  'token-classification': 'model.task: token-classification and tagged words',
  seq2seq: 'model.task: seq2seq and targets of texts',
};

/** The error for a model that does not predict, with the tasks by which one of its kind becomes one that does. */
function notPredicted(path: string, what: string, { model_type: kind }: HuggingFaceConfig): UserError {
  const tasks = tasksOf(kind).flatMap((task) => predictedTask(task) ?? []);
  return new UserError(`${what}, which gives no labels and writes nothing of texts`, {
    where: path,
    remedy: `Train another model from it with ${tasks.map((task) => learntWith[task]).join(', or with ')}. What models for other tasks do is in the Python of their cards (README.md of an export).`,
  });
}
