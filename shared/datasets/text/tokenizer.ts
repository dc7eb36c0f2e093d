/** Texts to tokens and back, by the tokenizer in a model's folder. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BrokenInputError, messageOf, UserError } from '../../core/errors.ts';
import { readIfPresent } from '../../core/optional-file.ts';
import { type NativeEncoding, type NativeTokenizer, nativeTokenizers } from './tokenizers/native.ts';
import { readPieces } from './tokenizers/pieces.ts';
import {
  classOf,
  type ModelHints,
  type ResolvedTokenizer,
  resolveTokenizer,
  type TokenizerFiles,
} from './tokenizers/resolve.ts';
import { refuseUnsound } from './tokenizers/sound.ts';
import { type Template, templateOf } from './tokenizers/template.ts';
import { truncatedLengths } from './truncate.ts';

const specialKeys = ['pad', 'eos', 'bos', 'mask', 'cls', 'sep', 'unk'] as const;

/** Ids of tokens with a meaning; absent: the tokenizer has no such token. */
export type SpecialIds = { readonly [Key in (typeof specialKeys)[number]]?: number };

/** Texts as tokens; every list has an entry for each text. */
export interface EncodedTexts {
  readonly ids: readonly Int32Array[];
  /** 0 or 1 for the text or pair that each token is of; absent: all are 0, or the model is not told. */
  readonly typeIds?: readonly Int32Array[];
  /** The number of texts that were cut. */
  readonly truncated: number;
}

/** Texts in words as tokens. */
export interface EncodedWords extends EncodedTexts {
  /** Where the first token of each word is in its text's, -1 where it has none there. */
  readonly starts: readonly Int32Array[];
  /** The number of words that were cut off whole. */
  readonly cutWords: number;
  /** How many words have no tokens, as the tokenizer strips all that they are. */
  readonly silentWords: number;
}

/** Texts that are handed over together: the library uses all cores for them, and memory is bounded. */
const together = { texts: 1000, characters: 1_000_000 };

/** A text up to a limit. */
interface ReadText {
  readonly ids: Int32Array;
  /** Its tokens up to the end of the word that reaches the limit: by these the library compares the texts of a pair. */
  readonly length: number;
}

/** A tokenizer that encodes as Python's `tokenizers` does, as it is the same library. */
export class TextTokenizer {
  /** The contents of tokenizer.json after all settings are obeyed. */
  readonly definition: ResolvedTokenizer['definition'];
  readonly special: SpecialIds;
  /** Ids that stand for no text; masks never hide them. */
  readonly specialIds: ReadonlySet<number>;
  /** One more than the largest id that a file gives: a model's embedding must have as many rows, or more. */
  readonly vocabularySize: number;
  /** The side of a text that padding is put on. */
  readonly paddingSide: 'left' | 'right';
  readonly #library: NativeTokenizer;
  #reading: Promise<unknown> = Promise.resolve();
  readonly #truncationSide: 'left' | 'right';
  readonly #hasTypes: boolean;
  readonly #single: Template;
  readonly #pair: Template;
  readonly #where: string;

  constructor(library: NativeTokenizer, resolved: ResolvedTokenizer, where: string) {
    const { definition, special, size } = resolved;
    this.#library = library;
    this.#where = where;
    this.definition = definition;
    this.vocabularySize = size;
    this.special = Object.fromEntries(
      specialKeys.flatMap((key) => {
        const token = special.get(`${key}_token`);
        const id = token === undefined ? null : library.tokenToId(token);
        return id === null || id >= size ? [] : [[key, id]];
      }),
    );
    const added = definition.added_tokens.filter((token) => token.special).map(({ id }) => id);
    this.specialIds = new Set([...added, ...Object.values(this.special)]);
    this.paddingSide = resolved.paddingSide;
    this.#truncationSide = resolved.truncationSide;
    this.#hasTypes = resolved.hasTypes;
    this.#single = templateOf(definition.post_processor, false, where);
    this.#pair = templateOf(definition.post_processor, true, where);
  }

  /** The token of an id; undefined where there is none. */
  tokenOf(id: number): string | undefined {
    return this.#library.idToToken(id) ?? undefined;
  }

  /** What fills rows up to the length of a batch: masked, so any token does where there is none for padding. */
  get padId(): number {
    return this.special.pad ?? this.special.eos ?? 0;
  }

  /**
   * Surrogates without their other half, which are no text, are read as U+FFFD.
   * @param pairs the second text of each pair.
   * @param options.maxLength of a row, special tokens included; of pairs the longer text is cut first. Absent: nothing is cut.
   * @param options.rows of the model's table of embeddings. Absent: all ids will do.
   * @throws UserError when there is no room for a text, or a token has no row.
   */
  async encode(
    texts: readonly string[],
    pairs?: readonly string[],
    options: { readonly maxLength?: number; readonly rows?: number } = {},
  ): Promise<EncodedTexts> {
    const template = pairs ? this.#pair : this.#single;
    const { maxLength = Number.POSITIVE_INFINITY, rows = Number.POSITIVE_INFINITY } = options;
    const room = maxLength - template.added;
    if (room < (pairs ? 2 : 1)) {
      throw new UserError(`${options.maxLength} tokens leave no room for text beside ${template.added} special ones`, {
        where: this.#where,
        remedy: `Use at least ${template.added + (pairs ? 2 : 1)}.`,
      });
    }
    let truncated = 0;
    const ids: Int32Array[] = [];
    const typeIds: Int32Array[] = [];
    const hasTypes = this.#hasTypes && template.parts.some(({ typeId }) => typeId !== 0);
    for (const [from, to] of groupsOf(texts, pairs)) {
      // One more tells whether a text alone is cut.
      const firsts = await this.#read(texts.slice(from, to), pairs ? maxLength : maxLength + 1);
      const seconds = pairs && (await this.#read(pairs.slice(from, to), maxLength));
      for (const [index, first] of firsts.entries()) {
        const second = seconds?.[index];
        const lengths = truncatedLengths(second ? [first.length, second.length] : [first.length], room);
        const text = this.#cut(first.ids, lengths[0]!);
        const pair = second && this.#cut(second.ids, lengths[1]!);
        if (text.length < first.length || (pair && pair.length < second.length)) truncated++;
        const row = assembled(template, text, pair);
        ids.push(row);
        if (hasTypes) typeIds.push(typesOf(template, text, pair));
        this.#refuseRowless(row, rows, texts[from + index]!);
      }
    }
    return { ids, ...(hasTypes && { typeIds }), truncated };
  }

  /**
   * Texts in words, as `tokenizer(words, is_split_into_words=True)` of transformers encodes them: each word by itself, one after the other.
   * @param options as of `encode`
   * @throws UserError when there is no room for a word, or a token has no row.
   */
  async encodeWords(
    texts: readonly (readonly string[])[],
    options: { readonly maxLength?: number; readonly rows?: number } = {},
  ): Promise<EncodedWords> {
    const template = this.#single;
    const { maxLength = Number.POSITIVE_INFINITY, rows = Number.POSITIVE_INFINITY } = options;
    const room = maxLength - template.added;
    if (room < 1) throw this.#noRoom(maxLength, template.added + 1);
    const tokensOf = await this.#tokensByWord(new Set(texts.flat()));
    const before = template.parts.findIndex(({ id }) => id === 'text');
    const hasTypes = this.#hasTypes && template.parts.some(({ typeId }) => typeId !== 0);
    const ids: Int32Array[] = [];
    const typeIds: Int32Array[] = [];
    const starts: Int32Array[] = [];
    let [truncated, cutWords, silentWords] = [0, 0, 0];
    for (const words of texts) {
      const tokens = words.map((word) => tokensOf.get(word)!);
      const whole = Int32Array.from(tokens.flatMap((each) => [...each]));
      const kept = this.#cut(whole, Math.min(whole.length, room));
      if (kept.length < whole.length) truncated++;
      const first = this.#truncationSide === 'right' ? 0 : whole.length - kept.length;
      let at = -first;
      starts.push(
        Int32Array.from(tokens, ({ length }) => {
          const [from, to] = [Math.max(0, at), Math.min(kept.length, at + length)];
          at += length;
          if (from < to) return before + from;
          if (length === 0) silentWords++;
          else cutWords++;
          return -1;
        }),
      );
      const row = assembled(template, kept, undefined);
      ids.push(row);
      if (hasTypes) typeIds.push(typesOf(template, kept, undefined));
      this.#refuseRowless(row, rows, words.join(' '));
    }
    return { ids, ...(hasTypes && { typeIds }), truncated, starts, cutWords, silentWords };
  }

  async #tokensByWord(words: ReadonlySet<string>): Promise<Map<string, readonly number[]>> {
    const list = [...words];
    const found = new Map<string, readonly number[]>();
    for (const [from, to] of groupsOf(list)) {
      const group = list.slice(from, to);
      const encoded = await this.#inTurn(() => this.#encodeNow(group, Number.POSITIVE_INFINITY));
      for (const [index, each] of encoded.entries()) found.set(group[index]!, each.getIds());
    }
    return found;
  }

  #noRoom(length: number, least: number): UserError {
    return new UserError(`${length} tokens leave no room for text beside ${this.#single.added} special ones`, {
      where: this.#where,
      remedy: `Use at least ${least}.`,
    });
  }

  /**
   * Whole texts, and for each the tokens of parts of it; a token that a part shares with what is beside it is in the part.
   * @param texts `spans` are the parts, in UTF-16 units; `isPlain`: special tokens are put around it, and else none.
   * @param options.rows of the model's table of embeddings.
   * @throws UserError when a token has no row.
   */
  async encodeParts(
    texts: readonly { readonly text: string; readonly spans: readonly Span[]; readonly isPlain: boolean }[],
    options: { readonly rows: number },
  ): Promise<{ ids: Int32Array; parts: readonly Span[] }[]> {
    const found: { ids: Int32Array; parts: readonly Span[] }[] = [];
    const before = this.#single.parts.findIndex(({ id }) => id === 'text');
    for (const [from, to] of groupsOf(texts.map(({ text }) => text))) {
      const group = texts.slice(from, to);
      const encoded = await this.#inTurn(() =>
        this.#encodeNow(
          group.map(({ text }) => text),
          Number.POSITIVE_INFINITY,
        ),
      );
      for (const [index, each] of encoded.entries()) {
        const { text, spans, isPlain } = group[index]!;
        const bare = Int32Array.from(each.getIds());
        const ids = isPlain ? assembled(this.#single, bare, undefined) : bare;
        this.#refuseRowless(ids, options.rows, text);
        const shift = isPlain ? before : 0;
        found.push({ ids, parts: spans.flatMap((span) => tokensOf(each, text, span, shift)) });
      }
    }
    return found;
  }

  /** The text of tokens, without special ones. */
  async decode(ids: ArrayLike<number>): Promise<string> {
    return this.#library.decode(Array.from(ids), true);
  }

  /** Reads texts after those that are being read: the library holds one limit at a time. */
  async #read(texts: readonly string[], limit: number): Promise<ReadText[]> {
    const encoded = await this.#inTurn(() => this.#encodeNow(texts, limit));
    return encoded.map((each) => {
      const ids = Int32Array.from(each.getIds());
      const rest = each.getOverflowing().reduce((sum, more) => sum + more.getLength(), 0);
      return { ids, length: ids.length + rest };
    });
  }

  #inTurn<Result>(reading: () => Promise<Result>): Promise<Result> {
    const read = this.#reading.then(reading);
    this.#reading = read.catch(() => []);
    return read;
  }

  async #encodeNow(texts: readonly string[], limit: number): Promise<NativeEncoding[]> {
    try {
      if (Number.isFinite(limit)) this.#library.setTruncation(limit, { direction: this.#truncationSide });
      else this.#library.disableTruncation();
      return await this.#library.encodeBatch(texts, { addSpecialTokens: false });
    } catch (cause) {
      throw new UserError(`can't encode a text: ${messageOf(cause)}`, {
        where: this.#where,
        remedy: 'Take the tokenizer.json that belongs to the model.',
        cause,
      });
    }
  }

  #cut(tokens: Int32Array, length: number): Int32Array {
    return this.#truncationSide === 'right' ? tokens.subarray(0, length) : tokens.subarray(tokens.length - length);
  }

  #refuseRowless(ids: Int32Array, rows: number, text: string): void {
    const id = ids.find((each) => each >= rows);
    if (id === undefined) return;
    throw new UserError(
      `the token ${JSON.stringify(this.tokenOf(id))} has id ${id}, the model's table of tokens ${rows} rows; it is in the text ${JSON.stringify(text.slice(0, 60))}`,
      { where: this.#where, remedy: 'Take the token out of the text, or the tokenizer that belongs to the model.' },
    );
  }
}

/** The beginning and the end of a part. */
type Span = readonly [start: number, end: number];

/** The tokens of a part of a text, as `char_to_token` of transformers finds them; none where it has none. */
function tokensOf(encoded: NativeEncoding, text: string, [start, end]: Span, shift: number): Span[] {
  // The library counts code points.
  const first = [...text.slice(0, start)].length;
  const last = first + [...text.slice(start, end)].length - 1;
  const find = (from: number, to: number, step: 1 | -1): number | undefined => {
    for (let character = from; character !== to + step; character += step) {
      const token = encoded.charToToken(character);
      if (token !== null) return token;
    }
    return undefined;
  };
  if (last < first) return [];
  const [from, to] = [find(first, last, 1), find(last, first, -1)];
  return from === undefined || to === undefined ? [] : [[from + shift, to + 1 + shift]];
}

/** Ranges of texts that are encoded together. */
function* groupsOf(
  texts: readonly string[],
  pairs?: readonly string[],
): Generator<readonly [from: number, to: number]> {
  let [from, characters] = [0, 0];
  for (const [index, text] of texts.entries()) {
    characters += text.length + (pairs?.[index]?.length ?? 0);
    if (index + 1 - from < together.texts && characters < together.characters) continue;
    yield [from, index + 1];
    [from, characters] = [index + 1, 0];
  }
  if (from < texts.length) yield [from, texts.length];
}

const partOf = (id: Template['parts'][number]['id'], text: Int32Array, pair: Int32Array | undefined) =>
  id === 'text' ? text : id === 'pair' ? pair! : [id];

const assembled = ({ parts, added }: Template, text: Int32Array, pair: Int32Array | undefined): Int32Array =>
  laidOut(parts, added + text.length + (pair?.length ?? 0), ({ id }) => partOf(id, text, pair));

const typesOf = ({ parts, added }: Template, text: Int32Array, pair: Int32Array | undefined): Int32Array =>
  laidOut(parts, added + text.length + (pair?.length ?? 0), ({ id, typeId }) =>
    new Int32Array(partOf(id, text, pair).length).fill(typeId),
  );

function laidOut(
  parts: Template['parts'],
  length: number,
  valuesOf: (part: Template['parts'][number]) => ArrayLike<number>,
): Int32Array {
  const row = new Int32Array(length);
  let at = 0;
  for (const part of parts) {
    const values = valuesOf(part);
    row.set(values, at);
    at += values.length;
  }
  return row;
}

/**
 * A tokenizer from its files.
 * @param where of tokenizer.json, `configWhere` of tokenizer_config.json, for messages.
 * @throws UserError when it is of a kind that can't be used here.
 */
export function buildTokenizer(files: TokenizerFiles, where: string, configWhere = where): TextTokenizer {
  const resolved = resolveTokenizer(files, where, configWhere);
  refuseUnsound(resolved.definition, where);
  const { Tokenizer } = nativeTokenizers();
  let library: NativeTokenizer;
  try {
    library = Tokenizer.fromString(JSON.stringify(resolved.definition));
  } catch (cause) {
    throw new UserError(`can't be used as a tokenizer: ${messageOf(cause)}`, {
      where,
      remedy: 'Save the tokenizer again with Hugging Face transformers, or use another.',
      cause,
    });
  }
  return new TextTokenizer(library, resolved, where);
}

async function readJson(path: string): Promise<unknown> {
  const text = await readIfPresent(path, 'Check the folder of the model.');
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BrokenInputError(`is not JSON: ${messageOf(cause)}`, {
      where: path,
      remedy: 'Fetch or write the file again.',
      cause,
    });
  }
}

/** What a tokenizer is made of; of those without a tokenizer.json, see `readPieces`. */
export const tokenizerFiles = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
] as const;

/**
 * Opens the tokenizer in a folder: tokenizer.json or what it is made of, and what stands beside it.
 * @param model what config.json says; absent: the one in the folder is read, where there is one.
 * @throws UserError when it is missing, damaged or of a kind that can't be used here.
 */
export async function openTokenizer(folder: string, model?: ModelHints): Promise<TextTokenizer> {
  const { files, where, configWhere } = await readTokenizerFiles(folder, model);
  return buildTokenizer(files, where, configWhere);
}

/** What is read of a tokenizer's folder, and where its two main files are, for messages. Takes and throws what `openTokenizer` does. */
export async function readTokenizerFiles(
  folder: string,
  model?: ModelHints,
): Promise<{ files: TokenizerFiles; where: string; configWhere: string }> {
  const at = (name: string) => join(folder, name);
  const read = tokenizerFiles.map((name) => readJson(at(name)));
  const [tokenizer, config, specialTokens, addedTokens] = await Promise.all(read);
  const hints = model ?? ((await readJson(at('config.json'))) as ModelHints | undefined);
  const files: TokenizerFiles = { tokenizer, config, specialTokens, addedTokens, model: hints };
  const [where, configWhere] = [at('tokenizer.json'), at('tokenizer_config.json')];
  if (tokenizer !== undefined) return { files, where, configWhere };
  const present = new Set(await readdir(folder).catch(() => [] as string[]));
  const kind = classOf(files, configWhere);
  return { files: { ...files, pieces: await readPieces(folder, kind, present) }, where, configWhere };
}
