/** A WordPiece vocabulary out of texts, by merging the most frequent pair of pieces again and again, as Hugging Face's trainer does. */
import { UserError } from '../../core/errors.ts';
import { PairQueue } from './pair-queue.ts';
import { nativeTokenizers } from './tokenizers/native.ts';
import type { TokenizerFiles } from './tokenizers/resolve.ts';

const specialTokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;
const continuing = '##';
/** Characters that get a piece: the most frequent ones. */
const largestAlphabet = 1000;
/** A longer word is unknown to WordPiece. */
const longestWord = 100;

export interface WordPieceOptions {
  /** Pieces, special tokens included; fewer where the texts have no more. */
  readonly vocabularySize: number;
  /** Absent: yes, and without accents. */
  readonly lowercase?: boolean;
  /** The fewest times that a pair must occur to become a piece; absent: 2. */
  readonly minFrequency?: number;
}

/**
 * Trains BERT's tokenizer. The same texts, in any order, give the same files.
 * @returns contents of tokenizer.json and tokenizer_config.json.
 * @throws UserError when the vocabulary can't even hold the characters.
 */
export function trainWordPiece(texts: Iterable<string>, options: WordPieceOptions): TokenizerFiles {
  const { vocabularySize, lowercase = true, minFrequency = 2 } = options;
  const normalizer = {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase,
  };
  const pieces = merge(countWords(texts, lowercase), vocabularySize, minFrequency);
  const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
  return { tokenizer: tokenizerJson(normalizer, vocab), config: tokenizerConfig(lowercase) };
}

/** The number of times that each word occurs, in a fixed order. */
function countWords(texts: Iterable<string>, lowercase: boolean): (readonly [word: string, count: number])[] {
  const { bertNormalizer, bertPreTokenizer } = nativeTokenizers();
  const [normalizer, splitter] = [bertNormalizer({ lowercase }), bertPreTokenizer()];
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of splitter.preTokenizeString(normalizer.normalizeString(text))) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)).filter(([word]) => [...word].length <= longestWord);
}

/** Pieces by id: special tokens, characters, then merged ones. */
function merge(
  words: readonly (readonly [string, number])[],
  vocabularySize: number,
  minFrequency: number,
): readonly string[] {
  const pieces: string[] = [...specialTokens];
  const ids = new Map<string, number>(pieces.map((piece, id) => [piece, id]));
  const idOf = (piece: string) => {
    const known = ids.get(piece);
    if (known !== undefined) return known;
    ids.set(piece, pieces.push(piece) - 1);
    return pieces.length - 1;
  };
  const alphabet = alphabetOf(words);
  for (const character of [...alphabet].toSorted()) idOf(character);
  const spelt = words.map(([word]) =>
    [...word]
      .filter((character) => alphabet.has(character))
      .map((character, place) => idOf(place === 0 ? character : continuing + character)),
  );
  if (pieces.length > vocabularySize) {
    throw new UserError(
      `${vocabularySize} pieces are too few: special tokens and characters alone are ${pieces.length}`,
      {
        where: 'vocabularySize',
        remedy: `Use ${pieces.length} or more.`,
      },
    );
  }

  const queue = new PairQueue();
  const homes = new Map<number, Set<number>>();
  const count = (word: number, sign: 1 | -1) => {
    const spelling = spelt[word]!;
    for (let place = 1; place < spelling.length; place++) {
      const pair = queue.add(spelling[place - 1]!, spelling[place]!, sign * words[word]![1]);
      if (sign < 0) continue;
      const home = homes.get(pair);
      if (home) home.add(word);
      else homes.set(pair, new Set([word]));
    }
  };
  for (const word of spelt.keys()) count(word, 1);
  while (pieces.length < vocabularySize) {
    const best = queue.take(minFrequency);
    if (!best) break;
    const { first, second, pair } = best;
    const merged = idOf(pieces[first]! + pieces[second]!.slice(continuing.length));
    for (const word of homes.get(pair)!) {
      count(word, -1);
      spelt[word] = mergedSpelling(spelt[word]!, first, second, merged);
      count(word, 1);
    }
    homes.delete(pair);
  }
  return pieces;
}

/** The most frequent characters. */
function alphabetOf(words: readonly (readonly [string, number])[]): Set<string> {
  const counts = new Map<string, number>();
  for (const [word, count] of words) {
    for (const character of word) counts.set(character, (counts.get(character) ?? 0) + count);
  }
  const byCount = [...counts].toSorted(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1));
  return new Set(byCount.slice(0, largestAlphabet).map(([character]) => character));
}

function mergedSpelling(spelling: readonly number[], first: number, second: number, merged: number): number[] {
  const result: number[] = [];
  for (let place = 0; place < spelling.length; place++) {
    if (spelling[place] === first && spelling[place + 1] === second) {
      result.push(merged);
      place++;
    } else result.push(spelling[place]!);
  }
  return result;
}

function tokenizerJson(normalizer: object, vocab: Readonly<Record<string, number>>): object {
  const special = (token: string, typeId: number) => ({ SpecialToken: { id: token, type_id: typeId } });
  const sequence = (id: string, typeId: number) => ({ Sequence: { id, type_id: typeId } });
  const single = [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)];
  const describe = (token: string) => [token, { id: token, ids: [vocab[token]], tokens: [token] }];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer,
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, sequence('B', 1), special('[SEP]', 1)],
      special_tokens: Object.fromEntries(['[CLS]', '[SEP]'].map(describe)),
    },
    decoder: { type: 'WordPiece', prefix: continuing, cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: continuing,
      max_input_chars_per_word: longestWord,
      vocab,
    },
  };
}

function tokenizerConfig(lowercase: boolean): object {
  return {
    tokenizer_class: 'BertTokenizer',
    do_lower_case: lowercase,
    pad_token: '[PAD]',
    unk_token: '[UNK]',
    cls_token: '[CLS]',
    sep_token: '[SEP]',
    mask_token: '[MASK]',
  };
}
