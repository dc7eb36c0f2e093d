/** What a step on texts computes and keeps, for estimates of time and memory. */
import type { TextPairs } from '../../datasets/text/text-pairs.ts';
import type { EncodedTexts } from '../../datasets/text/tokenizer.ts';
import type { LanguageModel } from '../../models/language/model.ts';
import { type TextWork, textWork } from '../../models/language/work.ts';
import { microBatchSize } from '../batches.ts';
import type { TrainingConfig } from '../config.ts';
import { optimizerFlops } from '../optimizers/registry.ts';
import { gradientsPerStep } from '../sam.ts';
import type { StepWork } from '../workload.ts';
import { longerOf } from './few-shot.ts';
import { targetLengths } from './target-lengths.ts';
import type { TokenizedTexts } from './text-problem.ts';

/** What a step takes: on average over the lengths that texts are padded to, and at most at once. */
export function stepWork(
  model: LanguageModel,
  {
    lengths,
    texts: data,
    training: { batchSize, accumulate, sam, optimizer, gradientCheckpointing: recomputes },
  }: { readonly lengths: readonly number[]; readonly texts: TokenizedTexts; readonly training: TrainingConfig },
): StepWork {
  const tokens = data.ids.map(({ length }) => length);
  const written = targetLengths(data, lengths);
  const work = lengths.map((length) => textWork(model, length, { targets: written.get(length), recomputes }));
  const placeOf = (count: number) => lengths.findIndex((length) => count <= length);
  const meanOf = (of: (work: TextWork) => number) =>
    tokens.reduce((sum, count) => sum + of(work[placeOf(count)]!), 0) / tokens.length;
  const batch = Math.min(batchSize, tokens.length);
  const atOnce = Math.min(microBatchSize(batchSize, accumulate), tokens.length);
  const gradients = gradientsPerStep(sam);
  const texts = gradients * batch;
  return {
    stepFlops: texts * meanOf(({ flops }) => flops) + optimizerFlops(optimizer, model.parameters),
    stepActivations: texts * meanOf(({ activations }) => activations),
    passes: gradients * Math.ceil(batch / atOnce),
    heldActivations: atOnce * work.at(-1)!.activations,
    dataBytes: Int32Array.BYTES_PER_ELEMENT * totalTokens([...data.ids, ...(data.targets ?? [])]),
  };
}

/** What a step on pairs takes: two texts of the longer one's length for each. */
export function pairWork(
  model: LanguageModel,
  pairs: TextPairs,
  { lengths, training, ids }: { lengths: readonly number[]; training: TrainingConfig; ids: EncodedTexts['ids'] },
): Omit<StepWork, 'dataBytes'> {
  const texts = { ids: longerOf(pairs, ids), truncated: 0 };
  const { dataBytes: _, ...ofOne } = stepWork(model, { lengths, training, texts });
  const { stepFlops, stepActivations, heldActivations } = ofOne;
  const flops = optimizerFlops(training.optimizer, model.parameters);
  return {
    ...ofOne,
    stepFlops: 2 * (stepFlops - flops) + flops,
    stepActivations: 2 * stepActivations,
    heldActivations: 2 * heldActivations,
  };
}

const totalTokens = (rows: readonly Int32Array[]): number => rows.reduce((sum, { length }) => sum + length, 0);
