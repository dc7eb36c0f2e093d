/** What a step on texts computes and keeps, for estimates of time and memory. */
import type { TextPairs } from '../../datasets/text/text-pairs.ts';
import type { TextData } from '../../datasets/text/text-rows.ts';
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
): Omit<StepWork, 'dataBytes'> {
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
  };
}

/** What a step on pairs takes: two texts of the longer one's length for each. */
export function pairWork(
  model: LanguageModel,
  pairs: TextPairs,
  { lengths, training, ids }: { lengths: readonly number[]; training: TrainingConfig; ids: EncodedTexts['ids'] },
): Omit<StepWork, 'dataBytes'> {
  const texts = { ids: longerOf(pairs, ids), truncated: 0 };
  const ofOne = stepWork(model, { lengths, training, texts });
  const { stepFlops, stepActivations, heldActivations } = ofOne;
  const flops = optimizerFlops(training.optimizer, model.parameters);
  return {
    ...ofOne,
    stepFlops: 2 * (stepFlops - flops) + flops,
    stepActivations: 2 * stepActivations,
    heldActivations: 2 * heldActivations,
  };
}

/** Bytes of memory for each character of a text, with what is left over from reading it: 4 to 5 bytes less its tokens, as measured on files of 90 MB. */
const bytesOfCharacter = 4;

/** Bytes that texts take in memory. */
export function bytesOfTexts({
  examples,
  test,
  validation,
}: Pick<TextData, 'examples' | 'test' | 'validation'>): number {
  const lists = [examples, test, validation].flatMap((rows) => [rows?.texts, rows?.pairs, rows?.targets]);
  const characters = lists.reduce((sum, list = []) => list.reduce((total, { length }) => total + length, sum), 0);
  return bytesOfCharacter * characters;
}

/** Bytes that texts take as tokens. */
export const bytesOfTokens = (texts: readonly Pick<TokenizedTexts, 'ids' | 'targets'>[]): number =>
  Int32Array.BYTES_PER_ELEMENT *
  texts.reduce((sum, { ids, targets = [] }) => sum + totalTokens([...ids, ...targets]), 0);

const totalTokens = (rows: readonly Int32Array[]): number => rows.reduce((sum, { length }) => sum + length, 0);
