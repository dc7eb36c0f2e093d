/** Rows that are lists of words, with a tag for each word. */
import { type KnownLabels, LabelCodes } from './labels.ts';
import { BrokenText } from './source.ts';
import type { RowUnit, TextTargets } from './text-rows.ts';

/** What came of a row: its text, or what is wrong with it, and in which column. */
type Taken = { readonly text: string } | { readonly problem: string; readonly of: 'words' | 'tags' };

interface Options {
  readonly hasTags: boolean;
  /** Whether rows and words may be empty, and a text stands for its words. */
  readonly keepEmpty: boolean;
}

/** Collects words and tags of a file's rows. */
export class TaggedRows {
  readonly #labels: LabelCodes;
  readonly #options: Options;
  readonly #words: (readonly string[])[] = [];
  readonly #codes: Int32Array[] = [];
  #split = 0;

  constructor(known: KnownLabels | undefined, options: Options) {
    this.#labels = new LabelCodes(known);
    this.#options = options;
  }

  add(row: number, wordsGiven: unknown, tagsGiven: unknown): Taken {
    const { hasTags, keepEmpty } = this.#options;
    const isText = keepEmpty && typeof wordsGiven === 'string';
    const words = isText ? wordsIn(wordsGiven) : wordsOf(wordsGiven, keepEmpty);
    if (typeof words === 'string') return { problem: words, of: 'words' };
    if (hasTags) {
      const codes = this.#codesOf(row, tagsGiven, words.length);
      if (typeof codes === 'string') return { problem: codes, of: 'tags' };
      this.#codes.push(codes);
    }
    if (isText) this.#split++;
    this.#words.push(words);
    return { text: words.join(' ') };
  }

  #codesOf(row: number, given: unknown, count: number): Int32Array | string {
    const tags = listOf(given);
    if (tags === undefined) return isNothing(given) ? 'is missing' : `is ${shown(given)}, not a list of tags`;
    if (tags.length !== count) {
      return `has ${counted(tags.length, 'tag')} for ${counted(count, 'word')}`;
    }
    const codes = new Int32Array(count);
    for (const [place, tag] of tags.entries()) {
      const code = this.#labels.codeOf(row, tag);
      // What is said of numbers that are predicted means nothing for words.
      if (typeof code === 'string') return `tag ${place + 1} ${code.replace(/: labels are classes.*/, '')}`;
      codes[place] = code;
    }
    return codes;
  }

  finish(
    unit: RowUnit,
  ): TextTargets & { readonly words: readonly (readonly string[])[]; readonly warnings: readonly string[] } {
    const split =
      this.#split > 0
        ? [`${counted(this.#split, 'text')} ${this.#split === 1 ? 'is' : 'are'} split into words at white space`]
        : [];
    if (!this.#options.hasTags) return { words: this.#words, warnings: split };
    const { names, placeOf, warnings } = this.#labels.ordered(unit);
    const tags = this.#codes.map((codes) => codes.map(placeOf));
    return { words: this.#words, tags, labelNames: names, warnings: [...split, ...warnings] };
  }
}

/** The words of a text, which are what stands between white space. */
const wordsIn = (text: string): string[] => text.split(/\s+/u).filter((word) => word !== '');

const isNothing = (value: unknown): boolean => value === undefined || value === null;

const counted = (count: number, thing: string) => `${count} ${thing}${count === 1 ? '' : 's'}`;

function listOf(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  return ArrayBuffer.isView(value) ? Array.from(value as unknown as Iterable<unknown>) : undefined;
}

function shown(value: unknown): string {
  if (value instanceof BrokenText) return 'a text';
  return typeof value === 'string'
    ? `the text ${JSON.stringify(value.slice(0, 40))}`
    : typeof value === 'object'
      ? 'an object'
      : String(value);
}

/** The words of a row, or what is wrong with them. */
function wordsOf(given: unknown, keepEmpty: boolean): readonly string[] | string {
  if (isNothing(given)) return keepEmpty ? [] : 'is missing';
  const list = listOf(given);
  if (!list) return `is ${shown(given)}, not a list of words`;
  if (list.length === 0) return keepEmpty ? [] : 'has no words';
  for (const [place, word] of list.entries()) {
    const problem = wordProblem(word, keepEmpty);
    if (problem) return `word ${place + 1} ${problem}`;
  }
  return list as readonly string[];
}

function wordProblem(word: unknown, keepEmpty: boolean): string | undefined {
  if (word instanceof BrokenText) return 'is not UTF-8';
  if (isNothing(word)) return 'is missing';
  if (typeof word !== 'string') return `is ${shown(word)}, not text`;
  if (word.trim() === '') return keepEmpty ? undefined : 'is empty';
  return word.isWellFormed()
    ? undefined
    : 'has half of a UTF-16 pair (an escape such as \\ud83d without its other half)';
}
