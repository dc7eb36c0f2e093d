import { setImmediate } from 'node:timers/promises';
import type { BucketBatch } from '../../datasets/text/buckets.ts';
import type { Engine, NamedTensors, Step } from '../../engines/engine.ts';
import { noDropout } from '../../models/dropout.ts';
import { hasLabels, type LanguageModel } from '../../models/language/model.ts';
import type { FixedTensors, HostTensors } from '../../tensors/tensor.ts';
import { evaluateClasses } from '../metrics/classification.ts';
import { languageMetrics, type TokenLoss } from '../metrics/language.ts';
import { evaluateLabelSets } from '../metrics/multi-label.ts';
import { evaluateNumbers } from '../metrics/regression.ts';
import { evaluateTags } from '../metrics/tagging.ts';
import { languageLoss, textsOf } from '../objectives/language.ts';
import type { Evaluation } from '../workload.ts';
import { ofTargets, targetLengths } from './target-lengths.ts';
import { type InputMaker, type TokenizedTexts, textInputs } from './text-problem.ts';

/** The texts, and the functions that a model computes of them. */
interface TextRequest extends InputMaker {
  readonly engine: Engine;
  /** Frozen ones included. */
  readonly parameters: FixedTensors;
  /** Names of parameters that are not needed afterwards; absent: none. */
  readonly donated?: ReadonlySet<string>;
  readonly batches: readonly BucketBatch[];
  readonly seed: number;
}

/** Tokens that are evaluated together: a step of fewer is mostly threads that wait for each other. */
const evaluatedTokens = 2048;

/**
 * Texts that are evaluated together: those of a training step or, of a model that predicts labels, whose results don't depend on that, more of short ones,
 * about as many in each batch.
 * @param texts how many there are in all
 * @param longest tokens of the longest batch
 */
export function textsTogether(
  { task }: Pick<LanguageModel, 'task'>,
  trained: number,
  { texts, longest }: { readonly texts: number; readonly longest: number },
): number {
  const most = Math.floor(evaluatedTokens / longest);
  if (!hasLabels(task) || most <= trained || texts === 0) return trained;
  return Math.ceil(texts / Math.ceil(texts / most));
}

const steps = new WeakMap<LanguageModel, Step>();

/** Loss of a batch, or of a classifier its logits; the same function object for the same model. */
function evaluationStep(model: LanguageModel): Step {
  const made = steps.get(model);
  if (made) return made;
  const step: Step = (tf, { fixed, inputs }) => {
    const texts = textsOf(inputs);
    const results: NamedTensors = hasLabels(model.task)
      ? { logits: model.forward(tf, fixed, texts, noDropout) }
      : { loss: languageLoss(tf, model, fixed, { ...texts, labels: inputs.labels! }, noDropout) };
    return { results };
  };
  steps.set(model, step);
  return step;
}

/**
 * The results of every batch, in order, and how many things its loss is the mean of.
 * @param step absent: loss, or of a classifier logits
 */
export async function* resultsOf(
  request: TextRequest,
  step = evaluationStep(request.model),
): AsyncGenerator<{ batch: BucketBatch; count: number; results: HostTensors }> {
  const { engine, texts, parameters, donated, seed } = request;
  const lengths = targetLengths(texts, [...new Set(request.batches.map(({ length }) => length))]);
  const batches = request.batches.map((batch) => ofTargets(batch, lengths));
  const loop = await engine.loop(step, { fixed: parameters, carried: new Map(), ...(donated ? { donated } : {}) });
  try {
    for (const batch of batches) {
      // The same words are hidden however texts are put in batches.
      const { inputs, count } = textInputs(request, batch, { seed, epoch: 0, step: 0 });
      yield { batch, count, results: await loop.run(inputs) };
      await setImmediate();
    }
  } finally {
    await loop.close();
  }
}

/**
 * Logits `[texts, labels]` of a classifier.
 * @param onBatch told of how many texts are done.
 */
export async function logitsOf(
  request: TextRequest,
  labels: number,
  onBatch: (done: number) => void = () => {},
): Promise<Float32Array> {
  const logits = new Float32Array(labels * request.texts.ids.length);
  let done = 0;
  for await (const { batch, results } of resultsOf(request)) {
    const found = results.get('logits')!.data;
    for (const [at, row] of batch.rows.entries()) {
      logits.set(found.subarray(at * labels, (at + 1) * labels), row * labels);
    }
    done += batch.rows.length;
    onBatch(done);
  }
  return logits;
}

/**
 * Logits `[words, labels]` of a classifier of tokens: of the words of all texts, one after the other, less those without a token.
 * @param onBatch told of how many texts are done.
 */
export async function wordLogitsOf(
  request: TextRequest,
  labels: number,
  onBatch: (done: number) => void = () => {},
): Promise<Float32Array> {
  const { starts } = request.texts.words!;
  const offsets = [0];
  for (const row of starts) offsets.push(offsets.at(-1)! + row.reduce((sum, start) => sum + (start >= 0 ? 1 : 0), 0));
  const logits = new Float32Array(labels * offsets.at(-1)!);
  let done = 0;
  for await (const { batch, results } of resultsOf(request)) {
    const found = results.get('logits')!.data;
    for (const [place, row] of batch.rows.entries()) {
      let word = offsets[row]!;
      for (const start of starts[row]!) {
        if (start < 0) continue;
        const from = (place * batch.length + start) * labels;
        logits.set(found.subarray(from, from + labels), labels * word++);
      }
    }
    done += batch.rows.length;
    onBatch(done);
  }
  return logits;
}

/** Metrics of logits of words as `wordLogitsOf` gives them, whose tags are known. */
export function evaluateWordLogits(
  logits: Float32Array,
  { starts, tags }: NonNullable<TokenizedTexts['words']>,
  names: readonly string[],
): Evaluation {
  const placed = tags!.map((row, text) => row.filter((_, word) => starts[text]![word]! >= 0));
  const { metrics, table } = evaluateTags(logits, placed, names);
  return { metrics, classes: table };
}

/**
 * Metrics of logits `[texts, labels]`, by what is known of the texts.
 * @param threshold of a label's probability, where a text may have several; absent: the usual one
 */
export function evaluateLogits(
  logits: Float32Array,
  { labels, labelSets, numbers }: Pick<TokenizedTexts, 'labels' | 'labelSets' | 'numbers'>,
  names: readonly string[],
  threshold?: number,
): Evaluation {
  if (numbers) return evaluateNumbers(logits, numbers);
  const { metrics, table } = labelSets
    ? evaluateLabelSets(logits, labelSets.sets, names, threshold)
    : evaluateClasses(logits, labels!, names);
  return { metrics, classes: table };
}

/**
 * Metrics of a model on texts.
 * @param labels names of a classifier's labels, in the order of their numbers; else none.
 */
export async function evaluateTexts(request: TextRequest, labels: readonly string[]): Promise<Evaluation> {
  if (request.model.task === 'classification') {
    return evaluateLogits(await logitsOf(request, labels.length), request.texts, labels);
  }
  if (request.model.task === 'token-classification') {
    return evaluateWordLogits(await wordLogitsOf(request, labels.length), request.texts.words!, labels);
  }
  const losses: TokenLoss[] = [];
  for await (const { count, results } of resultsOf(request)) {
    losses.push({ sum: results.get('loss')!.data[0]! * count, tokens: count });
  }
  return { metrics: languageMetrics(losses) };
}
