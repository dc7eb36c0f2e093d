import { setImmediate } from 'node:timers/promises';
import type { BucketBatch } from '../../datasets/text/buckets.ts';
import type { Engine, NamedTensors, Step } from '../../engines/engine.ts';
import { noDropout } from '../../models/dropout.ts';
import type { LanguageModel } from '../../models/language/model.ts';
import type { FixedTensors, HostTensors } from '../../tensors/tensor.ts';
import { evaluateClasses } from '../metrics/classification.ts';
import { languageMetrics, type TokenLoss } from '../metrics/language.ts';
import { evaluateLabelSets } from '../metrics/multi-label.ts';
import { evaluateNumbers } from '../metrics/regression.ts';
import { languageLoss, textsOf } from '../objectives/language.ts';
import type { Evaluation } from '../workload.ts';
import { ofTargets, targetLengths } from './target-lengths.ts';
import { type InputMaker, type TokenizedTexts, textInputs } from './text-problem.ts';

/** What a model is to compute of texts. */
interface TextRequest extends InputMaker {
  readonly engine: Engine;
  /** Frozen ones included. */
  readonly parameters: FixedTensors;
  readonly batches: readonly BucketBatch[];
  readonly seed: number;
}

const steps = new WeakMap<LanguageModel, Step>();

/** Loss of a batch, and of a classifier its logits; the same function object for the same model. */
function evaluationStep(model: LanguageModel): Step {
  const made = steps.get(model);
  if (made) return made;
  const step: Step = (tf, { fixed, inputs }) => {
    const texts = textsOf(inputs);
    const results: NamedTensors =
      model.task === 'classification'
        ? { logits: model.forward(tf, fixed, texts, noDropout) }
        : { loss: languageLoss(tf, model, fixed, { ...texts, labels: inputs.labels! }, noDropout) };
    return { results };
  };
  steps.set(model, step);
  return step;
}

/** The results of every batch, in order, and how many things its loss is the mean of. */
async function* resultsOf(
  request: TextRequest,
): AsyncGenerator<{ batch: BucketBatch; count: number; results: HostTensors }> {
  const { engine, model, texts, parameters, seed } = request;
  const lengths = targetLengths(texts, [...new Set(request.batches.map(({ length }) => length))]);
  const batches = request.batches.map((batch) => ofTargets(batch, lengths));
  const loop = await engine.loop(evaluationStep(model), { fixed: parameters, carried: new Map() });
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
  const losses: TokenLoss[] = [];
  for await (const { count, results } of resultsOf(request)) {
    losses.push({ sum: results.get('loss')!.data[0]! * count, tokens: count });
  }
  return { metrics: languageMetrics(losses) };
}
