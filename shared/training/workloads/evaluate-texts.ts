import { setImmediate } from 'node:timers/promises';
import type { BucketBatch } from '../../datasets/text/buckets.ts';
import type { Engine, NamedTensors, Step } from '../../engines/engine.ts';
import { noDropout } from '../../models/dropout.ts';
import type { LanguageModel } from '../../models/language/model.ts';
import type { HostTensors } from '../../tensors/tensor.ts';
import { evaluateClasses } from '../metrics/classification.ts';
import { languageMetrics, type TokenLoss } from '../metrics/language.ts';
import { languageLoss } from '../objectives/language.ts';
import type { Evaluation } from '../workload.ts';
import { type InputMaker, textInputs } from './text-problem.ts';

interface TextEvaluation extends InputMaker {
  readonly engine: Engine;
  /** Frozen ones included. */
  readonly parameters: HostTensors;
  readonly batches: readonly BucketBatch[];
  readonly seed: number;
  /** Names of a classifier's labels, in the order of their numbers; else none. */
  readonly labels: readonly string[];
}

const steps = new WeakMap<LanguageModel, Step>();

/** Loss of a batch, and of a classifier its logits; the same function object for the same model. */
function evaluationStep(model: LanguageModel): Step {
  const made = steps.get(model);
  if (made) return made;
  const step: Step = (tf, { fixed, inputs }) => {
    const { inputIds, attentionMask, tokenTypeIds, labels } = inputs;
    const texts = { inputIds: inputIds!, attentionMask: attentionMask!, ...(tokenTypeIds ? { tokenTypeIds } : {}) };
    const results: NamedTensors =
      model.task === 'classification'
        ? { logits: model.forward(tf, fixed, texts, noDropout) }
        : { loss: languageLoss(tf, model, fixed, { ...texts, labels: labels! }, noDropout) };
    return { results };
  };
  steps.set(model, step);
  return step;
}

/** Metrics of a model on texts. */
export async function evaluateTexts(request: TextEvaluation): Promise<Evaluation> {
  const { engine, model, parameters, batches, seed, labels } = request;
  const loop = await engine.loop(evaluationStep(model), { fixed: parameters, carried: new Map() });
  const losses: TokenLoss[] = [];
  const logits = new Float32Array(labels.length * request.texts.ids.length);
  try {
    for (const [step, batch] of batches.entries()) {
      const { inputs, count } = textInputs(request, batch, { seed, epoch: 0, step });
      const results = await loop.run(inputs);
      if (model.task === 'classification') {
        const found = results.get('logits')!.data;
        for (const [at, row] of batch.rows.entries()) {
          logits.set(found.subarray(at * labels.length, (at + 1) * labels.length), row * labels.length);
        }
      } else losses.push({ sum: results.get('loss')!.data[0]! * count, tokens: count });
      await setImmediate();
    }
  } finally {
    await loop.close();
  }
  if (model.task !== 'classification') return { metrics: languageMetrics(losses) };
  const { metrics, table } = evaluateClasses(logits, request.texts.labels!, labels);
  return { metrics, classes: table };
}
