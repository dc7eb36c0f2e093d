/** What a classifier of tokens learns of rows: a tag for the first token of each word. */
import { UserError } from '../../core/errors.ts';
import { listRows, selectRows, type TextData, type TextRows } from '../../datasets/text/text-rows.ts';
import type { EncodedWords, TextTokenizer } from '../../datasets/text/tokenizer.ts';
import type { LanguageModel } from '../../models/language/model.ts';
import type { Classes } from './classes.ts';
import type { TokenizedTexts } from './text-problem.ts';

/** @throws UserError when all words of a data set have one tag. */
export function requireTags({ examples }: Pick<TextData, 'examples'>, path: string): void {
  if (examples.labelNames!.length > 1) return;
  throw new UserError(`every word has the tag ${examples.labelNames![0]}: there is nothing to tell apart`, {
    where: path,
    remedy: 'Add rows with other tags, or name all of them under `dataset.labels`.',
  });
}

interface Options {
  readonly model: Pick<LanguageModel, 'vocabulary'>;
  readonly tokenizer: TextTokenizer;
  readonly maxTokens: number;
  /** The class of each of the data's tags. */
  readonly places: Classes['places'];
  /** The kind of rows, e.g. `training`, for messages. */
  readonly kind: string;
  readonly path: string;
}

/** @throws UserError when no word has a token. */
export async function tagsToLearn(
  all: TextRows,
  { model, tokenizer, maxTokens, places, kind, path }: Options,
): Promise<TokenizedTexts & { readonly warnings: readonly string[] }> {
  const found = await tokenizer.encodeWords(all.words!, { maxLength: maxTokens, rows: model.vocabulary });
  const kept = found.starts.flatMap((starts, index) => (hasToken(starts) ? [index] : []));
  if (kept.length === 0) {
    throw new UserError(`no ${kind} row has a word with a token, so there is nothing to learn`, {
      where: path,
      remedy: 'Take a model and tokenizer for the language of the texts.',
    });
  }
  const { tags } = selectRows(all, kept);
  const pick = <T>(list: readonly T[]): readonly T[] => kept.map((index) => list[index]!);
  const left = all.rows.filter((_, index) => !hasToken(found.starts[index]!));
  return {
    ids: pick(found.ids),
    ...(found.typeIds && { typeIds: pick(found.typeIds) }),
    truncated: found.truncated,
    words: {
      starts: pick(found.starts),
      tags: tags!.map((row) => row.map((tag) => places[tag]!)),
    },
    warnings: [
      ...wordWarnings(found, `${kind} words`, maxTokens).map(
        (warning) => `${warning}: their tags are neither learnt nor measured`,
      ),
      ...(left.length > 0
        ? [
            `${left.length} ${kind} ${left.length === 1 ? 'row has no word with a token and is' : 'rows have no word with a token and are'} left out: ${listRows(all.unit, left)}`,
          ]
        : []),
    ],
  };
}

/** The classes of all words with a token, for the weights of classes. */
export const learntTags = ({ starts, tags }: NonNullable<TokenizedTexts['words']>): Int32Array =>
  Int32Array.from(tags!.flatMap((row, text) => [...row].filter((_, word) => starts[text]![word]! >= 0)));

/** Whether a word begins in what is left of a text. */
export const hasToken = (starts: Int32Array): boolean => starts.some((start) => start >= 0);

/** Sentences about words that the model is not given. */
export function wordWarnings(
  { starts, cutWords, silentWords }: EncodedWords,
  what: string,
  maxTokens: number,
): string[] {
  const total = starts.reduce((sum, { length }) => sum + length, 0);
  return [
    ...(cutWords > 0 ? [`${cutWords} of ${total} ${what} are cut off, in texts of more than ${maxTokens} tokens`] : []),
    ...(silentWords > 0
      ? [`${silentWords} of ${total} ${what} have no token, as the tokenizer strips all of them`]
      : []),
  ];
}
