/** Few-shot classification: an encoder learns from pairs of few texts, and a head is fitted to its embeddings. Source: SetFit, Tunstall et al. (arXiv:2209.11055). */
import { UserError } from '../../core/errors.ts';
import { type BucketBatch, bucketBatches } from '../../datasets/text/buckets.ts';
import { listNames } from '../../datasets/text/labels.ts';
import { countPairs, makePairs, mostPairedTexts, type TextPairs } from '../../datasets/text/text-pairs.ts';
import type { TextRows } from '../../datasets/text/text-rows.ts';
import type { Engine, Step } from '../../engines/engine.ts';
import { noDropout } from '../../models/dropout.ts';
import { fittedHead } from '../../models/fitted-head.ts';
import { fewShotSchema } from '../../models/language/few-shot.ts';
import type { Embedding, LanguageModel } from '../../models/language/model.ts';
import type { LanguageModelConfig } from '../../models/language/settings.ts';
import type { Drawn } from '../../models/model.ts';
import type { HostTensors, MixedTensors } from '../../tensors/tensor.ts';
import { inBatches, microBatchSize } from '../batches.ts';
import { dropoutMasks } from '../dropout-masks.ts';
import { fitLogisticRegression } from '../logistic-regression.ts';
import { maskInputs } from '../objectives/language.ts';
import { pairObjective } from '../objectives/text-pairs.ts';
import type { BatchPart, Problem } from '../problem.ts';
import { resultsOf } from './evaluate-texts.ts';
import { type InputMaker, textInputs } from './text-problem.ts';

/** An epoch of more takes many hours: someone has to ask for it by a bound. */
const mostPairs = 1_000_000;

/**
 * The pairs of an epoch, of the training rows.
 * @throws UserError when rows are pairs of texts, when a label has none or more than is meant for the task, or the pairs are too many
 */
export function planPairs(
  { labels, labelNames: names = [], pairs }: TextRows,
  {
    settings: { fewShot = fewShotSchema.parse({}) },
    training: { seed },
    path,
  }: {
    readonly settings: Pick<LanguageModelConfig, 'fewShot'>;
    readonly training: { readonly seed: number };
    readonly path: string;
  },
): TextPairs {
  if (pairs) {
    throw new UserError('has a second text in each row, and few-shot-classification compares single texts', {
      where: path,
      remedy:
        'Take model.task: classification for pairs, or leave second texts out: `dataset.columns.textPair: false`.',
    });
  }
  const counts = new Array<number>(names.length).fill(0);
  for (const label of labels!) counts[label]!++;
  const without = names.filter((_, place) => counts[place] === 0);
  if (without.length > 0) {
    throw new UserError(`no training row has the label ${listNames(without)}, to which no head can be fitted`, {
      where: path,
      remedy: 'Add rows of it, or leave it out (dataset.labels, and the rows to validate and test on).',
    });
  }
  refuseMany(counts, names, { most: fewShot.mostPerLabel, path });
  const texts = labels!.length;
  const pairsInAll = countPairs(labels!, fewShot);
  if (texts > mostPairedTexts || pairsInAll > Math.max(mostPairs, fewShot.maxPairs ?? 0)) {
    throw new UserError(
      texts > mostPairedTexts
        ? `pairs are made of at most ${mostPairedTexts} texts, and there are ${texts} to train on`
        : `an epoch would have ${pairsInAll} pairs of ${texts} texts`,
      {
        where: texts > mostPairedTexts ? path : 'model.fewShot.maxPairs',
        remedy:
          texts > mostPairedTexts
            ? 'Set dataset.samples, or take model.task: classification.'
            : 'Set it to what an epoch should have, for example 100000.',
      },
    );
  }
  return makePairs(labels!, { ...fewShot, seed });
}

/** @throws UserError when a label has more texts than is meant for the task. */
function refuseMany(
  counts: readonly number[],
  names: readonly string[],
  { most, path }: { most: number; path: string },
): void {
  const many = names.filter((_, place) => counts[place]! > most);
  if (many.length === 0) return;
  const largest = counts.reduce((a, b) => Math.max(a, b));
  throw new UserError(
    `has more than ${most} training texts of the label ${listNames(many)} (up to ${largest}), and few-shot-classification is for at most ${most}`,
    {
      where: path,
      remedy: `Set model.task: classification, which learns from many; or dataset.samples to at most ${most * names.length}, which takes each label in its proportion; or raise model.fewShot.mostPerLabel.`,
    },
  );
}

/** Pairs in batches of a few lengths, whose order and dropout depend on seed and epoch; both texts of a pair have the longer one's length. */
export function pairProblem(
  maker: InputMaker,
  pairs: TextPairs,
  options: {
    /** Lengths that batches are padded to, ascending. */
    readonly lengths: readonly number[];
    /** Pairs per optimizer step, and parts that they are computed in. */
    readonly batchSize: number;
    readonly accumulate: number;
    readonly embedding: Embedding;
    /** Whether blocks are computed again for the gradient; absent: they are not. */
    readonly recomputes?: boolean;
    readonly seed: number;
  },
): Problem {
  const { model, texts } = maker;
  const { lengths, batchSize, accumulate, embedding, recomputes, seed } = options;
  const { labels: _, ...unlabelled } = texts;
  const tokens = longerOf(pairs, texts.ids).map(({ length }) => length);
  const batchesOf = (epoch: number) => bucketBatches(tokens, lengths, batchSize, { seed, epoch });
  const partOf = ({ rows, length }: BucketBatch, moment: { epoch: number; step: number }, part: number): BatchPart => {
    const both = [...rows.map((pair) => pairs.first[pair]!), ...rows.map((pair) => pairs.second[pair]!)];
    const { inputs } = textInputs({ ...maker, texts: unlabelled }, { rows: both, length }, { seed, ...moment });
    const masks = dropoutMasks(model.dropoutSites(both.length, length), [seed, moment.epoch, moment.step, part]);
    const similar = { shape: [rows.length], data: Float32Array.from(rows, (pair) => pairs.similar[pair]!) };
    return {
      count: rows.length,
      inputs: new Map([...inputs, ['similar', similar] as const, ...maskInputs(masks)]) as MixedTensors,
    };
  };
  return {
    objective: pairObjective(model, embedding, recomputes),
    fixed: new Map(),
    inParts: accumulate > 1,
    stepsPerEpoch: batchesOf(1).length,
    batches: (epoch) =>
      batchesOf(epoch).map(
        ({ rows, length }, step) =>
          () =>
            inBatches(rows, microBatchSize(batchSize, accumulate)).map((part, number) =>
              partOf({ rows: part, length }, { epoch, step }, number),
            ),
      ),
  };
}

/** The longer text of each pair. */
export const longerOf = ({ first, second }: TextPairs, ids: readonly Int32Array[]): Int32Array[] =>
  Array.from(first, (place, pair) => {
    const [one, other] = [ids[place]!, ids[second[pair]!]!];
    return one.length < other.length ? other : one;
  });

/** What of a model is drawn from the seed and not fitted: the head has learnt what there is to learn before training. */
export function drawnInBody(drawn: Drawn | undefined, model: LanguageModel): Drawn | undefined {
  if (drawn === undefined || drawn === 'all') return drawn;
  const head = fittedHead(model).map(({ name }) => name.replace(/\.[^.]*$/, ''));
  const others = drawn.filter((module) => !head.includes(module));
  return others.length > 0 ? others : undefined;
}

const steps = new WeakMap<LanguageModel, Step>();

/** The embeddings of a batch; the same function object for the same model, which embeds in one way. */
function embeddingStep(model: LanguageModel, embedding: Embedding): Step {
  const made = steps.get(model);
  if (made) return made;
  const step: Step = (tf, { fixed, inputs }) => {
    const { inputIds, attentionMask, tokenTypeIds } = inputs;
    const texts = { inputIds: inputIds!, attentionMask: attentionMask!, ...(tokenTypeIds ? { tokenTypeIds } : {}) };
    return { results: { embeddings: model.embed!(tf, fixed, texts, noDropout, embedding) } };
  };
  steps.set(model, step);
  return step;
}

/**
 * A model's parameters with the head that fits its embeddings of the texts.
 * @throws RunError when embeddings are no finite numbers
 */
export async function withHeadFitted(
  parameters: HostTensors,
  {
    engine,
    maker,
    embedding,
    lengths,
    batchSize,
  }: {
    readonly engine: Engine;
    /** Makes the inputs of the training texts, with their labels. */
    readonly maker: InputMaker;
    readonly embedding: Embedding;
    readonly lengths: readonly number[];
    readonly batchSize: number;
  },
): Promise<HostTensors> {
  const { model, texts } = maker;
  const tokens = texts.ids.map(({ length }) => length);
  const [weight, bias] = fittedHead(model);
  const [classes, size] = weight!.shape as [number, number];
  const rows = new Float32Array(texts.ids.length * size);
  const request = { engine, ...maker, parameters, batches: bucketBatches(tokens, lengths, batchSize), seed: 0 };
  for await (const { batch, results } of resultsOf(request, embeddingStep(model, embedding))) {
    const found = results.get('embeddings')!.data;
    for (const [at, row] of batch.rows.entries()) rows.set(found.subarray(at * size, (at + 1) * size), row * size);
  }
  const fitted = fitLogisticRegression(rows, texts.labels!, classes);
  return new Map([
    ...parameters,
    [weight!.name, { shape: weight!.shape, data: Float32Array.from(fitted.weight) }],
    [bias!.name, { shape: bias!.shape, data: Float32Array.from(fitted.bias) }],
  ]);
}
