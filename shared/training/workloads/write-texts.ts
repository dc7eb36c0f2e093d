/** Texts that an encoder-decoder writes of others. */
import { RunError } from '../../core/errors.ts';
import { type BucketBatch, bucketBatches, bucketsFor, padBatch } from '../../datasets/text/buckets.ts';
import { isWithoutText, listRows, selectRows, type TextRows } from '../../datasets/text/text-rows.ts';
import type { TextTokenizer } from '../../datasets/text/tokenizer.ts';
import type { Engine, Loop, Step } from '../../engines/engine.ts';
import type { GenerationSettings } from '../../models/hugging-face/generation-config.ts';
import type { LanguageModel } from '../../models/language/model.ts';
import type { HostTensor, HostTensors, MixedTensors } from '../../tensors/tensor.ts';
import { textsOf } from '../objectives/language.ts';
import type { InputMaker } from './text-problem.ts';
import { lengthMultiple } from './texts.ts';
import { unreadWarning } from './unread-texts.ts';

/** The text that a model writes for one text. */
export interface WrittenText {
  /** The row of the text in its file, from 1. */
  readonly row: number;
  /** Null where there is no text. */
  readonly written: string | null;
  /** The file's own target, where it has one. */
  readonly expected?: string;
}

/** Lengths that texts are padded to, at most so many. */
const lengthCount = 4;

/**
 * Writes a text of each: at every place the most probable word (greedy search), until the token that ends a text. Rows without a text stay without.
 * @param options.rows one at least has a text
 * @param options.maxTargetTokens longest text that is written, its end included
 * @param options.generation the tokens that a text begins and ends with, where its folder names others than the model
 * @param options.onProgress told how many texts are done, of how many
 * @returns the rows in their order, and what the user should know of them
 * @throws RunError when the model gives what is not a number.
 */
export async function writeTexts(options: {
  readonly engine: Engine;
  readonly model: LanguageModel;
  readonly tokenizer: TextTokenizer;
  readonly parameters: HostTensors;
  readonly rows: TextRows;
  readonly batchSize: number;
  readonly maxTokens: number;
  readonly maxTargetTokens: number;
  readonly generation?: GenerationSettings | undefined;
  readonly onProgress?: (done: number, total: number) => void;
}): Promise<{ texts: WrittenText[]; warnings: string[] }> {
  const { engine, model, tokenizer, parameters, rows: all, batchSize, maxTokens, maxTargetTokens } = options;
  const empty = all.rows.filter((_, index) => isWithoutText(all, index));
  const rows = selectRows(
    all,
    all.rows.flatMap((_, index) => (isWithoutText(all, index) ? [] : [index])),
  );
  const encoded = await tokenizer.encode(rows.texts, rows.pairs, { maxLength: maxTokens, rows: model.vocabulary });
  const tokens = encoded.ids.map(({ length }) => length);
  const lengths = bucketsFor(tokens, { count: lengthCount, multipleOf: lengthMultiple, maxLength: maxTokens });
  const { encode, next } = stepsOf(model);
  const { start = model.writing!.start, ends = [model.writing!.end] } = options.generation ?? {};
  const limits: Limits = { start, ends, longest: maxTargetTokens };
  const found = new Map<number, string>();
  let unended = 0;
  const loop = await engine.loop(encode, { fixed: parameters, carried: new Map() });
  try {
    for (const batch of bucketBatches(tokens, lengths, batchSize)) {
      const maker = { model, tokenizer, texts: encoded };
      for (const [place, ids] of (await search(loop, next, maker, batch, limits)).entries()) {
        if (!ends.includes(ids.at(-1)!)) unended++;
        found.set(rows.rows[batch.rows[place]!]!, await tokenizer.decode(ids));
      }
      options.onProgress?.(found.size, rows.texts.length);
    }
  } finally {
    await loop.close();
  }
  const { truncated } = encoded;
  const warnings = [
    ...(empty.length > 0 ? [`nothing is written of rows without a text: ${listRows(all.unit, empty)}`] : []),
    ...(truncated > 0 ? [`${truncated} of ${encoded.ids.length} texts are cut to ${maxTokens} tokens`] : []),
    ...unreadWarning(rows, encoded, tokenizer).map((warning) => `${warning}; what is written says nothing of them`),
    ...(unended > 0 ? [`${unended} of ${encoded.ids.length} written texts end at ${maxTargetTokens} tokens`] : []),
  ];
  const texts = all.rows.map(
    (row, index): WrittenText => ({
      row,
      written: found.get(row) ?? null,
      ...(all.targets ? { expected: all.targets[index]! } : {}),
    }),
  );
  return { texts, warnings };
}

interface WritingSteps {
  readonly encode: Step;
  readonly next: Step;
}

const made = new WeakMap<LanguageModel, WritingSteps>();

/** The compiled functions of a model; the same objects for the same model. */
function stepsOf(model: LanguageModel): WritingSteps {
  const before = made.get(model);
  if (before) return before;
  const steps: WritingSteps = {
    encode: (tf, { fixed, inputs }) => ({ results: { hidden: model.encode!(tf, fixed, textsOf(inputs)) } }),
    next(tf, { fixed, inputs: { hidden, attentionMask, decoderIds, at } }) {
      const written = { hidden: hidden!, attentionMask: attentionMask!, decoderIds: decoderIds!, at: at! };
      const scores = model.nextWord!(tf, fixed, written);
      return { results: { best: tf.max(scores, 1), word: tf.cast(tf.argMax(scores, 1), 'float32') } };
    },
  };
  made.set(model, steps);
  return steps;
}

/** Lengths that what is written is padded to double, from this on. */
const shortest = 8;

/** The token that a text begins with, those that end it, and the most tokens of it. */
interface Limits {
  readonly start: number;
  readonly ends: readonly number[];
  readonly longest: number;
}

/** What is written of each text of a batch, with the token that ends it where it came to one. */
async function search(
  loop: Loop,
  next: Step,
  maker: InputMaker,
  batch: BucketBatch,
  { start, ends, longest }: Limits,
): Promise<readonly number[][]> {
  const { model } = maker;
  const texts = inputsOf(maker, batch);
  const { hidden } = Object.fromEntries(await loop.run(texts));
  const attentionMask = texts.get('attentionMask')!;
  const written: number[][] = batch.rows.map(() => []);
  const isDone = (ids: readonly number[]) => ends.includes(ids.at(-1)!);
  for (let count = 0; count < longest && !written.every(isDone); count++) {
    const length = Math.min(longest, Math.max(shortest, 2 ** Math.ceil(Math.log2(count + 1))));
    const decoderIds = new Int32Array(written.length * length).fill(model.padding ?? ends[0]!);
    for (const [row, ids] of written.entries()) decoderIds.set([start, ...ids], row * length);
    const at = new Float32Array(length);
    at[count] = 1;
    const inputs: MixedTensors = new Map<string, HostTensor<Float32Array | Int32Array>>([
      ['hidden', hidden!],
      ['attentionMask', attentionMask],
      ['decoderIds', { shape: [written.length, length], data: decoderIds }],
      ['at', { shape: [length], data: at }],
    ]);
    const results = await loop.run(inputs, { step: next });
    if (results.get('best')!.data.some(Number.isNaN)) {
      throw new RunError('the model gives results that are not numbers', {
        remedy: 'Its weights are damaged or too large: take another epoch of the run, or fetch the model again.',
      });
    }
    const words = results.get('word')!.data;
    for (const [row, ids] of written.entries()) if (!isDone(ids)) ids.push(words[row]!);
  }
  return written;
}

/** The texts of a batch as inputs of the encoder. */
function inputsOf({ model, tokenizer, texts }: InputMaker, { rows, length }: BucketBatch) {
  const padded = padBatch(texts, { rows, length }, { padId: model.padding ?? tokenizer.padId, paddingSide: 'right' });
  const { shape, ids, mask } = padded;
  return new Map<string, HostTensor<Int32Array>>([
    ['inputIds', { shape, data: ids }],
    ['attentionMask', { shape, data: mask }],
  ]);
}
