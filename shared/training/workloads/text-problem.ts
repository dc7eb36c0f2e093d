import { type BucketBatch, bucketBatches, padBatch } from '../../datasets/text/buckets.ts';
import { maskTokens } from '../../datasets/text/masking.ts';
import type { EncodedTexts, TextTokenizer } from '../../datasets/text/tokenizer.ts';
import { ignoredLabel } from '../../models/blocks/cross-entropy.ts';
import type { LanguageModel, Writing } from '../../models/language/model.ts';
import type { HostTensor, MixedTensors } from '../../tensors/tensor.ts';
import { inBatches, microBatchSize } from '../batches.ts';
import { dropoutMasks, type MaskMemory, maskMemory } from '../dropout-masks.ts';
import { languageObjective, maskInputs, type ObjectiveOptions } from '../objectives/language.ts';
import type { BatchPart, Problem } from '../problem.ts';
import { firstTokens, packedInputs } from './packed-texts.ts';
import { ofTargets, targetLengths } from './target-lengths.ts';

/** Texts as a model takes them. */
export interface TokenizedTexts extends EncodedTexts {
  /** Numbers of classes, for a classifier of one label; absent where they are not known. */
  readonly labels?: Int32Array;
  /** Of a causal language model: 1 for tokens that are learnt, 0 for those that only go before; absent: all are learnt. */
  readonly learnt?: readonly Uint8Array[];
  /** Where texts share rows: the places in each row at which its texts begin; absent: a row is a text. */
  readonly starts?: readonly (readonly number[])[];
  /** The tokens that an encoder-decoder learns to write for each text. */
  readonly targets?: readonly Int32Array[];
  /** For a classifier of several labels: the classes of each text, and how many classes there are. */
  readonly labelSets?: { readonly sets: readonly (readonly number[])[]; readonly classes: number };
  /** The number to predict for each text. */
  readonly numbers?: Float64Array;
  /** Of texts in words: where each word's first token is, -1 where it has none, and its class; absent: classes are not known. */
  readonly words?: { readonly starts: readonly Int32Array[]; readonly tags?: readonly Int32Array[] };
}

/** Where random numbers of a batch come from; those for evaluation are of epoch 0. */
interface Moment {
  readonly seed: number;
  readonly epoch: number;
  /** The step in the epoch, from 0. */
  readonly step: number;
}

/** Makes the model's inputs of rows. */
export interface InputMaker {
  readonly model: LanguageModel;
  readonly tokenizer: TextTokenizer;
  readonly texts: TokenizedTexts;
  /** Of a classifier's classes: in the loss a text counts by that of its class. */
  readonly classWeights?: readonly number[] | undefined;
}

/** Some rows as inputs of the model's objective, and how many things its loss is the mean of. */
export function textInputs(
  { model, tokenizer, texts, classWeights }: InputMaker,
  batch: BucketBatch,
  moment: Moment,
): BatchPart {
  // A decoder that labels texts looks for the last token that is none of the model's own padding.
  const padId = model.padding ?? tokenizer.padId;
  const padded = padBatch(texts, batch, { padId, paddingSide: 'right' });
  const { shape, mask, typeIds } = padded;
  const { inputIds, labels, count, decoderIds } = labelled();
  return {
    count,
    inputs: new Map<string, HostTensor<Int32Array | Float32Array>>([
      ['inputIds', { shape, data: inputIds }],
      ['attentionMask', { shape, data: mask }],
      ...(labels ? [['labels', labels] as const] : []),
      ...(typeIds ? [['tokenTypeIds', { shape, data: typeIds }] as const] : []),
      ...packedInputs(texts, batch),
      ...(decoderIds ? [['decoderIds', { shape: labels!.shape, data: decoderIds }] as const] : []),
    ]),
  };

  function labelled(): {
    inputIds: Int32Array;
    labels?: HostTensor<Int32Array | Float32Array>;
    count: number;
    decoderIds?: Int32Array;
  } {
    const counted = (data: Int32Array): number =>
      data.reduce((sum, label) => sum + (label === ignoredLabel ? 0 : 1), 0);
    if (model.task === 'classification') {
      const labels = targetsOf(texts, batch.rows);
      const weights = classWeights && Array.from(labels?.data ?? [], (label) => classWeights[label]!);
      const count = weights?.reduce((sum, weight) => sum + weight, 0) ?? batch.rows.length;
      return { inputIds: padded.ids, ...(labels && { labels }), count };
    }
    if (model.task === 'token-classification') {
      if (!texts.words?.tags) return { inputIds: padded.ids, count: batch.rows.length };
      const data = new Int32Array(padded.ids.length).fill(ignoredLabel);
      for (const [place, row] of batch.rows.entries()) {
        for (const [word, start] of texts.words.starts[row]!.entries()) {
          if (start >= 0) data[place * batch.length + start] = texts.words.tags[row]![word]!;
        }
      }
      const weighed = classWeights?.map((weight, label) => weight * data.filter((each) => each === label).length);
      const count = weighed?.reduce((sum, weight) => sum + weight, 0) ?? counted(data);
      return { inputIds: padded.ids, labels: { shape, data }, count };
    }
    if (model.task === 'causal-lm') {
      const data = Int32Array.from(padded.ids, (id, at) => (mask[at] === 1 ? id : ignoredLabel));
      for (const [place, row] of batch.rows.entries()) {
        const start = place * batch.length;
        for (const [at, isLearnt] of texts.learnt?.[row]?.entries() ?? []) {
          if (isLearnt === 0) data[start + at] = ignoredLabel;
        }
        // The first token of a text is not predicted.
        for (const at of firstTokens(texts, row)) data[start + at] = ignoredLabel;
      }
      return { inputIds: padded.ids, labels: { shape, data }, count: counted(data) };
    }
    if (model.writing) {
      const { ids, ...written } = writtenTargets(texts.targets!, batch, padId, model.writing);
      return { inputIds: padded.ids, ...written, decoderIds: ids, count: counted(written.labels.data) };
    }
    const masked = maskTokens(padded, batch.rows, tokenizer, moment);
    const data = Int32Array.from(masked.targets, (id, at) => (masked.chosen[at] === 1 ? id : ignoredLabel));
    return { inputIds: masked.ids, labels: { shape, data }, count: counted(data) };
  }
}

/** What is written of some rows, and what the decoder is given: each token one place later, padding after the end. */
function writtenTargets(
  targets: readonly Int32Array[],
  { rows, targetLength: length = 0 }: BucketBatch,
  padId: number,
  { start }: Writing,
): { ids: Int32Array; labels: HostTensor<Int32Array> } {
  const data = new Int32Array(rows.length * length).fill(ignoredLabel);
  const ids = new Int32Array(rows.length * length).fill(padId);
  for (const [place, row] of rows.entries()) {
    const target = targets[row]!;
    data.set(target, place * length);
    ids[place * length] = start;
    ids.set(target.subarray(0, length - 1), place * length + 1);
  }
  return { ids, labels: { shape: [rows.length, length], data } };
}

/** The targets of some rows; undefined where they are not known. */
function targetsOf(
  { labels, labelSets, numbers }: TokenizedTexts,
  rows: readonly number[],
): HostTensor<Int32Array | Float32Array> | undefined {
  const shape = [rows.length];
  if (labels) return { shape, data: Int32Array.from(rows, (row) => labels[row]!) };
  if (numbers) return { shape, data: Float32Array.from(rows, (row) => numbers[row]!) };
  if (!labelSets) return undefined;
  const { sets, classes } = labelSets;
  const data = new Float32Array(rows.length * classes);
  for (const [at, row] of rows.entries()) for (const place of sets[row]!) data[at * classes + place] = 1;
  return { shape: [rows.length, classes], data };
}

/**
 * Texts in batches of a few lengths, whose order, hidden words and dropout depend on seed and epoch. What is fixed, the model's
 * frozen tensors, is put in when they are read.
 */
export function textProblem(
  maker: InputMaker,
  options: {
    /** Lengths that batches are padded to, ascending. */
    readonly lengths: readonly number[];
    /** Texts per optimizer step. */
    readonly batchSize: number;
    /** Parts that a batch is computed in. */
    readonly accumulate: number;
    readonly loss: ObjectiveOptions;
    readonly seed: number;
  },
): Problem {
  const { model, texts } = maker;
  const { lengths, batchSize, accumulate, loss, seed } = options;
  const tokens = texts.ids.map(({ length }) => length);
  const written = targetLengths(texts, lengths);
  const batchesOf = (epoch: number) => bucketBatches(tokens, lengths, batchSize, { seed, epoch });
  const partOf = (batch: BucketBatch, moment: Moment, part: number, memory: MaskMemory): BatchPart => {
    const { count, inputs } = textInputs({ ...maker, classWeights: loss.classWeights }, batch, moment);
    const sites = model.dropoutSites(batch.rows.length, batch.length, batch.targetLength);
    const masks = dropoutMasks(sites, [moment.seed, moment.epoch, moment.step, part], memory);
    const all = new Map([...inputs, ...maskInputs(masks)]) as MixedTensors;
    return { count, inputs: all, done: () => memory.giveBack(masks) };
  };
  return {
    objective: languageObjective(model, loss),
    fixed: new Map(),
    inParts: accumulate > 1,
    stepsPerEpoch: batchesOf(1).length,
    batches(epoch) {
      const memory = maskMemory();
      return batchesOf(epoch).map(
        ({ rows, length }, step) =>
          () =>
            inBatches(rows, microBatchSize(batchSize, accumulate)).map((part, number) =>
              partOf(ofTargets({ rows: part, length }, written), { seed, epoch, step }, number, memory),
            ),
      );
    },
  };
}
