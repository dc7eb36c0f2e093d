import { RunError, UserError } from '../../core/errors.ts';
import { bucketBatches, bucketsFor } from '../../datasets/text/buckets.ts';
import { listNames } from '../../datasets/text/labels.ts';
import type { ProblemType } from '../../datasets/text/problem-type.ts';
import { splitText } from '../../datasets/text/stratify.ts';
import { requireLabels, type TextData, type TextRows } from '../../datasets/text/text-rows.ts';
import type { TextTokenizer } from '../../datasets/text/tokenizer.ts';
import type { Engine } from '../../engines/engine.ts';
import { trainedBody } from '../../models/fitted-head.ts';
import { givenProblem, type HuggingFaceConfig, labelsOf } from '../../models/hugging-face/config.ts';
import { describeReinitialised, type Reinitialised } from '../../models/hugging-face/reinitialise.ts';
import { hasLabels, type LanguageModel, taskOfModel } from '../../models/language/model.ts';
import type { LanguageModelConfig } from '../../models/language/settings.ts';
import type { FixedTensors, HostTensors } from '../../tensors/tensor.ts';
import { microBatchSize } from '../batches.ts';
import type { TrainingConfig } from '../config.ts';
import { withAverage } from '../ema.ts';
import { learningRateCurve } from '../learning-rate-curves/registry.ts';
import { buildOptimizer, optimizerWarnings } from '../optimizers/registry.ts';
import type { EvaluationData, StartablePlan, Workload, WorkloadPlan } from '../workload.ts';
import { classWeights } from './class-weights.ts';
import { type Classes, freshClasses, freshNumber, keptClasses, keptNumber } from './classes.ts';
import { evaluateTexts, textsTogether } from './evaluate-texts.ts';
import { drawnInBody, pairProblem, planPairs, withHeadFitted } from './few-shot.ts';
import { packingNote, packingOf, textCount } from './packed-texts.ts';
import { readTexts } from './read-texts.ts';
import { bytesOfTexts, bytesOfTokens, pairWork, stepWork } from './step-work.ts';
import { learntTags, requireTags } from './tags-to-learn.ts';
import { targetLengths } from './target-lengths.ts';
import { type TokenizedTexts, textProblem } from './text-problem.ts';
import { trainingOf } from './training-of.ts';
import { type CausalSettings, learntIn, writtenIn } from './words-to-learn.ts';

/** By which words of test data are hidden from masked language models. */
const testSeed = 0;

/** Lengths that batches have in training, and one more where texts are longer than any of them. */
function lengthsFor(tokens: readonly number[], lengths: readonly number[], maxLength: number): readonly number[] {
  const [longest = 0] = bucketsFor(tokens, { count: 1, multipleOf: lengthMultiple, maxLength });
  return longest > lengths.at(-1)! ? [...lengths, longest] : lengths;
}

/** Lengths of batches are multiples of this. */
export const lengthMultiple = 8;

/** A classifier's classes, with what becomes of the head that the folder has; what predicts numbers has one. */
function classesOf(
  { labelNames = [], labelsOrdered = false, numbers }: TextRows,
  { settings: { head: wanted, folder }, config, head }: Pick<TextOptions, 'settings' | 'config' | 'head'>,
): Classes {
  const given = { names: labelNames, ordered: labelsOrdered };
  const configured = config.id2label ? labelsOf(config) : [];
  if (head && wanted === 'keep') return numbers ? keptNumber(head, folder) : keptClasses(given, head, folder);
  const classes = numbers ? freshNumber(configured) : freshClasses(given, configured);
  const replaced = `model.head: fresh, so the layer for the labels ${listNames(classes.names)} was drawn from the seed`;
  return head ? { ...classes, warnings: [`${replaced}, in place of ${folder}'s for ${listNames(head)}`] } : classes;
}

/** A model for labels, before its weights are read. */
interface TextModel {
  readonly model: LanguageModel;
  readonly adapter?: WorkloadPlan['adapter'];
  /** The parts that are drawn from the seed in place of the folder's. */
  readonly reinitialised?: Reinitialised;
  readonly drawn?: WorkloadPlan['drawn'];
  /** The values of what is trained; `tell` is told what of the files was taken, and how. */
  initial: WorkloadPlan['initial'];
  /** The values of what is frozen. */
  frozenValues(): Promise<FixedTensors>;
  readonly frozenHalves?: number | undefined;
}

interface TextOptions {
  readonly settings: LanguageModelConfig;
  readonly config: HuggingFaceConfig;
  /** The labels that the model's head scores; undefined where it has no head for labels. */
  readonly head: readonly string[] | undefined;
  /** Sentences about the model for the user. */
  readonly notes: readonly string[];
  readonly tokenizer: TextTokenizer;
  readonly data: TextData;
  /** Files that go with the model wherever it is written. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The settings of a causal language model; absent: all of the texts has a loss. */
  readonly causal?: CausalSettings;
  /** The path of the data, for messages. */
  readonly path: string;
  /** Of the file with the test data, for messages; absent: that of the data. */
  readonly testPath?: string | undefined;
  readonly training: TrainingConfig;
  readonly build: (labels: readonly string[]) => TextModel;
}

/**
 * A language model, trained and evaluated on texts. What is frozen is read when it is first needed, and kept.
 * @throws UserError when model, tokenizer, data and training settings don't fit each other.
 */
export async function planTexts(options: TextOptions): Promise<StartablePlan> {
  const { settings, config, tokenizer, data, training } = options;
  const { seed, batchSize, accumulate, labelSmoothing, epochs } = training;
  const task = taskOfModel(settings.task);
  const problemType = task === 'classification' ? requireLabels(data, options.path) : undefined;
  refuseSmoothing(problemType, labelSmoothing);
  const sides = splitText(data, { validation: training.validation, seed });
  if (task === 'token-classification') requireTags(data, options.path);
  const classes = hasLabels(task) ? classesOf(data.examples, options) : undefined;
  const labels = classes?.names ?? [];
  const pairs =
    settings.task === 'few-shot-classification' ? planPairs(sides.training, { ...options, settings }) : undefined;
  const { model, adapter, drawn, reinitialised, initial, frozenValues, frozenHalves } = options.build(labels);
  checkFit(model, tokenizer, { ...settings, setting: 'model.maxTokens' });
  const isWithoutPadding = task === 'classification' && model.padding === undefined;
  const unread: string[] = [];
  const read = async (kind: 'training' | EvaluationData, rows: TextRows): Promise<TokenizedTexts> => {
    const path = (kind === 'test' && options.testPath) || options.path;
    const { warnings, ...texts } = await readTexts(rows, { ...options, kind, model, classes, seed, path });
    unread.push(...warnings);
    return texts;
  };
  const learnt = await read('training', sides.training);
  const held = await read('validation', sides.validation);
  const tested = sides.test && (await read('test', sides.test));
  const all = [learnt, held, ...(tested ? [tested] : [])];
  for (const texts of all) refuseEndless(model, texts, tokenizer, settings.folder);
  const cut = all.reduce((sum, { truncated }) => sum + truncated, 0);
  const buckets = { count: settings.lengths, multipleOf: lengthMultiple, maxLength: settings.maxTokens };
  const lengths = bucketsFor(
    [...learnt.ids, ...held.ids].map(({ length }) => length),
    buckets,
  );
  const packing = packingOf(learnt, buckets);
  const { frozen, layers } = model;
  const parameters = pairs ? trainedBody(model) : model.parameters;
  const optimizer = withAverage(buildOptimizer(training.optimizer), training.ema);
  const maker = { model, tokenizer };
  const weights = classWeights(training.classWeights, {
    problemType: task === 'token-classification' ? 'single_label_classification' : problemType,
    names: labels,
    labels: learnt.words ? learntTags(learnt.words) : learnt.labels,
  });
  const { gradientCheckpointing: recomputes } = training;
  const loss = { labelSmoothing, problemType, classWeights: weights, recomputes };
  const ofTexts = { ...maker, texts: learnt };
  const embedding = config.sentence_embedding;
  const problem =
    pairs && embedding
      ? pairProblem(ofTexts, pairs, { lengths, batchSize, accumulate, embedding, recomputes, seed })
      : textProblem(ofTexts, { lengths, batchSize, accumulate, loss, seed });
  const curve = learningRateCurve(training.schedule, { stepsPerEpoch: problem.stepsPerEpoch, epochs });
  const plan: WorkloadPlan = {
    parameters,
    frozen,
    frozenHalves,
    layers,
    stepsPerEpoch: problem.stepsPerEpoch,
    ...stepWork(model, { lengths, training, texts: learnt }),
    dataBytes: bytesOfTexts(data) + bytesOfTokens(all),
    ...(pairs && pairWork(model, pairs, { lengths, training, ids: learnt.ids })),
    data: {
      trainingSamples: learnt.ids.length,
      ...(pairs ? { pairs: pairs.first.length } : {}),
      validationSamples: held.ids.length,
      ...(tested ? { testSamples: tested.ids.length } : {}),
      ...(hasLabels(task) ? { labels } : {}),
      ...learntIn(learnt),
      ...writtenIn(sides.training, options.causal),
      ...(packing ? { packing } : {}),
      ...(problemType === undefined || problemType === 'single_label_classification' ? {} : { problemType }),
      ...(isWithoutPadding ? { padding: null } : {}),
      lengths,
      ...(learnt.targets ? { targetLengths: [...targetLengths(learnt, lengths).values()] } : {}),
      ...(data.skipped ? { skipped: data.skipped } : {}),
    },
    problemType,
    model: config,
    ...(adapter ? { adapter } : {}),
    drawn: pairs ? drawnInBody(drawn, model) : drawn,
    files: options.files,
    warnings: [
      ...options.notes,
      ...sides.warnings,
      ...openProblem(problemType, options),
      ...(classes?.warnings ?? []),
      ...(isWithoutPadding ? [withoutPadding] : []),
      ...(reinitialised
        ? [`model.reinitialise: ${describeReinitialised(reinitialised)}, in place of ${settings.folder}'s`]
        : []),
      ...optimizerWarnings(training.optimizer, parameters),
      ...(task === 'causal-lm' && data.examples.pairs
        ? ['the second texts of pairs are not learnt: causal-lm takes one text of each row']
        : []),
      ...unread,
      ...(packing ? [packingNote(packing)] : []),
      ...(cut > 0
        ? [
            `${cut} of ${all.reduce((sum, texts) => sum + textCount(texts), 0)} texts are cut to ${settings.maxTokens} tokens`,
          ]
        : []),
    ],
    initial,
  };
  let kept: Promise<FixedTensors> | undefined;
  const frozenOnce = () => {
    kept ??= frozenValues();
    return kept;
  };
  const on = (engine: Engine): Workload => ({
    ...plan,
    engine: engine.version,
    train: async (...epoch) =>
      trainingOf(engine, { ...problem, fixed: await frozenOnce() }, optimizer, curve, training)(...epoch),
    ...(pairs && embedding
      ? {
          fitted: (values: HostTensors) =>
            withHeadFitted(values, {
              engine,
              maker: ofTexts,
              embedding,
              lengths,
              batchSize: microBatchSize(batchSize, accumulate),
            }),
        }
      : {}),
    async evaluate(values, on = 'validation', { donates = false } = {}) {
      const texts = on === 'test' ? tested : held;
      if (!texts) throw new RunError('there are no test data');
      const tokens = texts.ids.map(({ length }) => length);
      const batchLengths = on === 'test' ? lengthsFor(tokens, lengths, settings.maxTokens) : lengths;
      const trained = Math.ceil(batchSize / accumulate);
      return evaluateTexts(
        {
          engine,
          ...maker,
          texts,
          parameters: new Map([...(await frozenOnce()), ...values]),
          donated: new Set(donates ? values.keys() : []),
          batches: bucketBatches(
            tokens,
            batchLengths,
            textsTogether(model, trained, { texts: tokens.length, longest: batchLengths.at(-1)! }),
          ),
          // Of test data the same words are hidden whatever the seed.
          seed: on === 'test' ? testSeed : seed,
        },
        labels,
      );
    },
  });
  return { ...plan, on };
}

/** @throws UserError when labels are learnt from a token that not every text has. */
function refuseEndless(
  { end }: LanguageModel,
  { ids }: TokenizedTexts,
  tokenizer: TextTokenizer,
  folder: string,
): void {
  if (end === undefined || ids.every((row) => row.includes(end))) return;
  throw new UserError(
    `labels are learnt from the last token ${end} (eos_token_id), ${JSON.stringify(tokenizer.tokenOf(end))}, and the tokenizer does not put one at the end of each text`,
    { where: folder, remedy: 'Take config.json and the files of the tokenizer from the same model.' },
  );
}

const withoutPadding =
  'neither config.json (pad_token_id) nor the tokenizer names a token for padding: transformers takes one text at a time with the exported model, until both are set';

/**
 * @param options.setting what names the longest text, for messages.
 * @throws UserError when tokenizer and longest text don't go with the model.
 */
export function checkFit(
  model: LanguageModel,
  tokenizer: TextTokenizer,
  { folder, maxTokens, setting }: { folder: string; maxTokens: number; setting: string },
): void {
  if (tokenizer.vocabularySize > model.vocabulary) {
    const last = tokenizer.vocabularySize - 1;
    throw new UserError(
      `the tokenizer has the token ${JSON.stringify(tokenizer.tokenOf(last))} of id ${last}, the model's table of tokens has ${model.vocabulary} rows: they don't belong together`,
      { where: folder, remedy: 'Take tokenizer.json and config.json from the same model.' },
    );
  }
  if (maxTokens > model.maxTokens) {
    throw new UserError(`the model takes texts of at most ${model.maxTokens} tokens, ${maxTokens} are asked for`, {
      where: setting,
      remedy: `Set it to at most ${model.maxTokens}.`,
    });
  }
}

/** What is said where nobody has set what is learnt, and it is not the label of each text. */
function openProblem(
  problemType: ProblemType | undefined,
  { settings, config }: Pick<TextOptions, 'settings' | 'config'>,
): string[] {
  if (settings.problemType !== undefined || problemType === undefined) return [];
  if (problemType === 'single_label_classification') return [];
  const reason = givenProblem(config, settings)?.from ?? 'the data have lists of labels';
  return [`model.problemType is ${problemType}: ${reason}`];
}

/** @throws UserError when there is no target of classes whose share could be spread. */
function refuseSmoothing(problemType: ProblemType | undefined, labelSmoothing: number): void {
  if (labelSmoothing === 0 || problemType === undefined || problemType === 'single_label_classification') return;
  throw new UserError(`is for texts with one label each, and the problem type is ${problemType}`, {
    where: 'training.labelSmoothing',
    remedy: 'Leave it out.',
  });
}
