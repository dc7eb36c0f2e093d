import type { RunConfig } from '../config/run-file.ts';
import { UserError } from '../core/errors.ts';
import { randomFor } from '../core/random.ts';
import { mapPathAsync, pathInWords } from '../datasets/data-path.ts';
import {
  type FieldDatasetConfig,
  type OtherFiles,
  ofOtherFiles,
  openDataset,
  openHeldData,
  otherFilesOf,
  withDataPaths,
} from '../datasets/registry.ts';
import { type ChatTemplate, openChatTemplate } from '../datasets/text/chat-template.ts';
import { chatProblem } from '../datasets/text/encode-chats.ts';
import type { GivenProblem } from '../datasets/text/problem-type.ts';
import { openTextDataset, type TextDatasetConfig } from '../datasets/text/registry.ts';
import { openTokenizer } from '../datasets/text/tokenizer.ts';
import { openWordTokenizer } from '../datasets/text/word-tokenizer.ts';
import type { EngineName } from '../engines/engine.ts';
import { openEngine, openOnProcessor } from '../engines/open-engine.ts';
import { givenProblem } from '../models/hugging-face/config.ts';
import { readOtherFiles } from '../models/hugging-face/folder.ts';
import { buildLanguageModel, labelsOfHead, openModelFolder, withPadding } from '../models/hugging-face/model-folder.ts';
import { withPooling } from '../models/hugging-face/pooling.ts';
import { hasLabels, type LanguageTask, taskOfModel } from '../models/language/model.ts';
import type { LanguageModelConfig } from '../models/language/settings.ts';
import type { FieldModelConfig } from '../models/registry.ts';
import type { StartablePlan, Workload } from '../training/workload.ts';
import { planTexts } from '../training/workloads/texts.ts';
import { planTrajectories } from '../training/workloads/trajectories.ts';
import { chooseEngine, type EngineChoiceRecord } from './choose-engine.ts';

/** Finds the local path of a file that the settings name. */
type LocalPath = (path: string) => Promise<string>;
const asGiven: LocalPath = async (path) => path;

/**
 * Reads the data and builds the model that the settings name.
 * @throws UserError when they don't fit.
 */
export async function planWorkload(config: RunConfig, localPath: LocalPath = asGiven): Promise<StartablePlan> {
  const { model, dataset, training } = config;
  const { seed } = training;
  if (model.family === 'huggingface') {
    const { task: trained, lora, fresh, head, reinitialise } = model;
    const task = taskOfModel(trained);
    const isFewShot = trained === 'few-shot-classification';
    const base = model.base && (await localPath(model.base));
    const found = await openModelFolder(await localPath(model.folder), { base, fresh, remedy: weightsFor(model) });
    if (found.adapter && head === 'fresh') throw headOfAdapter(model.folder);
    const { opened: pooled, note } = await withPooling(found, model);
    const ofWords = task === 'token-classification';
    const words = ofWords ? await openWordTokenizer(found.tokenizer, found.config) : undefined;
    const tokenizer = words?.tokenizer ?? (await openTokenizer(found.tokenizer, found.config));
    const opened = task === 'classification' ? withPadding(pooled, tokenizer.special.pad) : pooled;
    // The settings' schema holds format and family together.
    const texts = withLabelsFor(task, dataset as TextDatasetConfig);
    refuseOtherTasks(task, texts);
    const path = await mapPathAsync(texts.path, localPath);
    const others = await ofOtherFiles(filesToRead(texts), localPath);
    const problem = isFewShot ? oneLabel : task === 'classification' ? givenProblem(opened.config, model) : undefined;
    const here = withDataPaths(texts, texts.path, others) as TextDatasetConfig;
    const lossOn = 'lossOn' in texts ? texts.lossOn : undefined;
    const openTemplate = () => openChatTemplate(opened.tokenizer, tokenizer);
    const data = await openTextDataset(here, path, {
      seed,
      chats: task === 'causal-lm',
      chatProblems: async () => chatProblem({ template: await openTemplate(), learnsAll: lossOn === 'all' }),
      ...(task === 'seq2seq' ? { targets: 'wanted' } : {}),
      ...(ofWords ? { words: 'wanted' } : {}),
      ...(problem ? { problem } : {}),
    });
    const template = data.examples.chats && (await openTemplate());
    return planTexts({
      settings: model,
      causal: { lossOn, template, packing: texts.packing },
      config: opened.config,
      // Where the head is fitted, that of the folder is nothing to go on from.
      head: hasLabels(task) && !isFewShot ? await labelsOfHead(opened, task) : undefined,
      tokenizer,
      data,
      notes: [...[note, words?.note].filter((each) => each !== undefined), ...dateNote(template)],
      path: pathInWords(texts.path),
      testPath: dataset.test?.path,
      files: new Map([...(await readOtherFiles(opened.tokenizer, tokenizer)), ...(words?.files ?? [])]),
      training,
      build(labels) {
        const freshScores = head === 'fresh' || isFewShot;
        const options = { task, labels, lora, freshScores, reinitialise };
        const {
          model: built,
          adapter,
          drawn,
          reinitialised,
          readTrained,
          readFrozen,
          frozenHalves,
        } = buildLanguageModel(opened, options);
        const random = () => randomFor(seed, 'initialise');
        const basePath = opened.adapter ? (model.base ?? opened.base) : model.folder;
        return {
          model: built,
          drawn,
          initial: (tell) => readTrained(random(), tell),
          frozenValues: () => readFrozen(random()),
          frozenHalves,
          ...(adapter ? { adapter: { config: adapter.config, base: basePath } } : {}),
          ...(reinitialised ? { reinitialised } : {}),
        };
      },
    });
  }
  // The settings' schema holds format and family together.
  const fields = dataset as FieldDatasetConfig;
  const { weights } = model as FieldModelConfig;
  const path = await mapPathAsync(fields.path, localPath);
  const data = await openDataset(fields, path, { seed });
  const others = await ofOtherFiles(filesToRead(fields), localPath);
  const isHeldByRows = fields.validation !== undefined || others.validation !== undefined;
  return planTrajectories({
    model,
    data,
    validation: isHeldByRows ? await openHeldData('validation', fields, others.validation ?? path, data) : undefined,
    test: fields.test?.evaluate ? await openHeldData('test', fields, others.test ?? path, data) : undefined,
    window: fields.window,
    normalise: fields.normalise,
    training,
    metric: config.convergence.metric,
    path: pathInWords(fields.path),
    validationPath: fields.validationPath,
    testPath: fields.test?.path,
    weights: weights === undefined ? undefined : () => localPath(weights),
  });
}

/** The other files that a run reads: one of test data only where they are measured on. */
const filesToRead = (dataset: RunConfig['dataset']): OtherFiles => {
  const { validation, test } = otherFilesOf(dataset);
  return { validation, test: dataset.test?.evaluate ? test : undefined };
};

/** An adapter of weights that are drawn means nothing. */
const weightsFor = ({ lora }: LanguageModelConfig) =>
  `Put model.safetensors or its shards, or pytorch_model.bin, into it${lora ? '' : ', or draw all weights from the seed to train from scratch: model.fresh: true'}.`;

const headOfAdapter = (folder: string) =>
  new UserError('model.head: fresh takes a whole model: the head that an adapter was trained with is a part of it', {
    where: folder,
    remedy:
      'Give the folder of its base, with model.lora for a new adapter, or merge the two first (npx tempbalance export --merge).',
  });

const oneLabel: GivenProblem = {
  type: 'single_label_classification',
  from: 'model.task: few-shot-classification',
  needed: 'model.task: classification',
};

/** Settings of what only some tasks learn, with those. @throws UserError where another is to learn. */
function refuseOtherTasks(task: LanguageTask, dataset: TextDatasetConfig): void {
  if (!('columns' in dataset)) return;
  const { columns, lossOn } = dataset;
  const settings: readonly (readonly [name: string, value: unknown, tasks: readonly LanguageTask[]])[] = [
    ...(['messages', 'prompt', 'completion'] as const).map(
      (key) => [`dataset.columns.${key}`, columns[key], ['causal-lm']] as const,
    ),
    ['dataset.columns.input', columns.input, ['causal-lm', 'seq2seq']],
    ['dataset.columns.target', columns.target, ['seq2seq']],
    ['dataset.lossOn', lossOn, ['causal-lm']],
  ];
  const wrong = settings.find(([, value, tasks]) => value !== undefined && !tasks.includes(taskOfModel(task)));
  if (!wrong) return;
  const [where, , tasks] = wrong;
  throw new UserError(`goes with model.task: ${tasks.join(' or ')}, and this is ${task}`, {
    where,
    remedy: `Leave it out, or set \`model.task\` to ${tasks.join(' or ')}.`,
  });
}

/** A template that writes the day's date would make other data of the same file on another day. */
const dateNote = (template: ChatTemplate | undefined): string[] =>
  template?.hasDate
    ? ["the chat template writes the day's date: 26 July 2024 is taken, so that the data are the same on any day"]
    : [];

/** Labels that are not learnt are not looked at, unless the settings name them. */
function withLabelsFor(task: LanguageTask, dataset: TextDatasetConfig): TextDatasetConfig {
  if (hasLabels(task) || !('columns' in dataset) || dataset.labels) return dataset;
  return { ...dataset, columns: { ...dataset.columns, label: dataset.columns.label ?? false } };
}

export interface StartOptions {
  /** Told of an engine that does not start, or is passed over. */
  readonly warn: (message: string) => void;
  /** Whether `auto` measures a step on the GPU and on the processor; otherwise it takes the processor. Absent: true. */
  readonly measures?: boolean | undefined;
  /** The engine that `auto` took for the run before. */
  readonly recorded?: EngineName | undefined;
}

/** A workload with what `auto` took just now, where it was to choose. */
export interface StartedWorkload extends Workload {
  readonly choice?: EngineChoiceRecord | undefined;
}

/**
 * Starts the engine that the settings name for a plan.
 * @throws UserError when the engine can't be had.
 */
export async function startWorkload(
  plan: StartablePlan,
  { training }: RunConfig,
  { warn, measures = true, recorded }: StartOptions,
): Promise<StartedWorkload> {
  if (training.engine !== 'auto') return plan.on(await openEngine(training.engine, warn));
  if (!measures) return plan.on(await openOnProcessor(warn));
  const { engine, choice } = await chooseEngine(plan, training, { warn, recorded });
  return { ...plan.on(engine), choice };
}

/** Data, model and engine that the settings name; `auto` measures nothing. @throws UserError when they don't fit or can't be had. */
export async function openWorkload(
  config: RunConfig,
  warn: (message: string) => void,
  localPath: LocalPath = asGiven,
): Promise<Workload> {
  const plan = await planWorkload(config, localPath);
  return plan.on(await openEngine(config.training.engine, warn));
}
