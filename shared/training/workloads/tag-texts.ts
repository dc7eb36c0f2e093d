import { RunError } from '../../core/errors.ts';
import { bucketBatches, bucketsFor } from '../../datasets/text/buckets.ts';
import { listRows, selectRows, type TextRows } from '../../datasets/text/text-rows.ts';
import type { TextTokenizer } from '../../datasets/text/tokenizer.ts';
import type { Engine } from '../../engines/engine.ts';
import type { LanguageModel } from '../../models/language/model.ts';
import type { HostTensors } from '../../tensors/tensor.ts';
import { largestOf } from '../metrics/classification.ts';
import { type Entity, entitiesIn, markEntities } from '../metrics/entities.ts';
import type { Evaluation } from '../workload.ts';
import { evaluateWordLogits, wordLogitsOf } from './evaluate-texts.ts';
import { hasToken, wordWarnings } from './tags-to-learn.ts';
import { lengthMultiple } from './texts.ts';

/** What a model says of the words of one text; every list has an entry for each word. */
export interface TaggedText {
  /** The row of the text in its file, from 1. */
  readonly row: number;
  readonly words: readonly string[];
  /** The most probable tags; null: the word was cut off, or has no token. */
  readonly tags: readonly (string | null)[];
  /** The probabilities of these tags. */
  readonly probabilities: readonly (number | null)[];
  /** Where tags mark them: the words of each from `first` to `last`, counted from 0. */
  readonly entities?: readonly (Entity & { readonly text: string })[];
  /** The file's own tags, where it has them. */
  readonly expected?: readonly string[];
}

/** Lengths that texts are padded to, at most so many. */
const lengthCount = 4;

/**
 * Tags the words of texts.
 * @param options.rows rows of words; their tags, where they have some, are places in `labels`
 * @param options.onProgress told how many texts are done, of how many
 * @returns the rows in their order, what the user should know of them, and an evaluation where they have tags
 * @throws RunError when the model gives what is not a number.
 */
export async function tagTexts(options: {
  readonly engine: Engine;
  readonly model: LanguageModel;
  readonly tokenizer: TextTokenizer;
  readonly parameters: HostTensors;
  readonly labels: readonly string[];
  readonly rows: TextRows;
  readonly batchSize: number;
  readonly maxTokens: number;
  readonly onProgress?: (done: number, total: number) => void;
}): Promise<{ texts: TaggedText[]; warnings: string[]; evaluation?: Evaluation }> {
  const { engine, model, tokenizer, parameters, labels, rows: all, batchSize, maxTokens, onProgress } = options;
  const encoded = await tokenizer.encodeWords(all.words!, { maxLength: maxTokens, rows: model.vocabulary });
  const kept = encoded.starts.flatMap((starts, index) => (hasToken(starts) ? [index] : []));
  const left = all.rows.filter((_, index) => !hasToken(encoded.starts[index]!));
  const { truncated } = encoded;
  const warnings = [
    ...(left.length > 0
      ? [
          `${left.length} ${left.length === 1 ? 'row has' : 'rows have'} no word with a token, and no tags: ${listRows(all.unit, left)}`,
        ]
      : []),
    ...(truncated > 0 ? [`${truncated} of ${all.rows.length} texts are cut to ${maxTokens} tokens`] : []),
    ...wordWarnings(encoded, 'words', maxTokens).map((warning) => `${warning}: they get no tag`),
  ];
  const rows = selectRows(all, kept);
  const pick = <T>(list: readonly T[]): readonly T[] => kept.map((index) => list[index]!);
  const words = { starts: pick(encoded.starts), ...(rows.tags && { tags: rows.tags }) };
  const texts = {
    ids: pick(encoded.ids),
    ...(encoded.typeIds && { typeIds: pick(encoded.typeIds) }),
    truncated,
    words: { starts: words.starts },
  };
  const tokens = texts.ids.map(({ length }) => length);
  const lengths = bucketsFor(tokens, { count: lengthCount, multipleOf: lengthMultiple, maxLength: maxTokens });
  const batches = bucketBatches(tokens, lengths, batchSize);
  const request = { engine, model, tokenizer, texts, parameters, batches, seed: 0 };
  const logits = await wordLogitsOf(request, labels.length, (done) => onProgress?.(done, kept.length));
  const given = largestOf(logits, labels.length);
  if (!given) {
    throw new RunError('the model gives results that are not numbers', {
      remedy: 'Its weights are damaged or too large: take another epoch of the run, or fetch the model again.',
    });
  }
  const isOfEntities = markEntities(labels);
  let at = 0;
  const tagged = all.rows.map((row, index): TaggedText => {
    const ofWords = all.words![index]!;
    const places = Array.from(encoded.starts[index]!, (start) => (start >= 0 ? at++ : undefined));
    const tags = places.map((place) => (place === undefined ? null : labels[given[place]!]!));
    const probabilities = places.map((place) =>
      place === undefined
        ? null
        : largestProbability(logits.subarray(place * labels.length, (place + 1) * labels.length)),
    );
    return {
      row,
      words: ofWords,
      tags,
      probabilities,
      ...(isOfEntities ? { entities: entitiesOf(ofWords, tags) } : {}),
      ...(all.tags ? { expected: Array.from(all.tags[index]!, (tag) => labels[tag]!) } : {}),
    };
  });
  if (!rows.tags) return { texts: tagged, warnings };
  return { texts: tagged, warnings, evaluation: evaluateWordLogits(logits, words, labels) };
}

/** Words without a tag are passed over, as metrics do. */
function entitiesOf(words: readonly string[], tags: readonly (string | null)[]): TaggedText['entities'] {
  const placed = tags.flatMap((tag, word) => (tag === null ? [] : [{ tag, word }]));
  return entitiesIn(placed.map(({ tag }) => tag)).map(({ type, first, last }) => {
    const [from, to] = [placed[first]!.word, placed[last]!.word];
    return { type, first: from, last: to, text: words.slice(from, to + 1).join(' ') };
  });
}

/** The probability of the largest logit, in float64. */
function largestProbability(logits: Float32Array): number {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  return 1 / logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
}
