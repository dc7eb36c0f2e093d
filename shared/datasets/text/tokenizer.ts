/** Texts to tokens and back, by the tokenizer.json of a model's folder. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { BrokenInputError, messageOf, UserError } from '../../core/errors.ts';
import { truncatedLengths } from './truncate.ts';

/** The files of a tokenizer, parsed; only the first is needed. */
export interface TokenizerFiles {
  /** tokenizer.json */
  readonly tokenizer: unknown;
  /** tokenizer_config.json */
  readonly config?: unknown;
  /** special_tokens_map.json */
  readonly specialTokens?: unknown;
}

const specialKeys = ['pad', 'eos', 'bos', 'mask', 'cls', 'sep', 'unk'] as const;

/** Ids of tokens with a meaning; absent: the tokenizer has no such token. */
export type SpecialIds = { readonly [Key in (typeof specialKeys)[number]]?: number };

/** Texts as tokens; every list has an entry for each text. */
export interface EncodedTexts {
  readonly ids: readonly Int32Array[];
  /** 0 or 1 for the text or pair that each token is of; absent: all are 0. */
  readonly typeIds?: readonly Int32Array[];
  /** How many texts were too long. */
  readonly truncated: number;
}

/** What is used of the library, whose declarations import files without their endings, which NodeNext doesn't find. */
interface Library {
  readonly post_processor: {
    post_process(
      tokens: string[],
      pair: string[] | null,
      addSpecial: boolean,
    ): { tokens: string[]; token_type_ids?: number[] };
  } | null;
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
  token_to_id(token: string): number | undefined;
  get_vocab(): Map<string, number>;
  get_added_tokens_decoder(): Map<number, { special: boolean }>;
}

/** What the post-processor puts around a text or a pair: ids, and places for the texts. */
interface Template {
  readonly parts: readonly { readonly id: number | 'text' | 'pair'; readonly typeId: number }[];
  /** Special tokens in it. */
  readonly added: number;
}

/**
 * A tokenizer of the kinds WordPiece, BPE and unigram. It encodes as Python `tokenizers` does, but for ideographs beyond U+FFFF with
 * BERT's normalizer and some zero-width joiners and stacked accents with the normalizer of SentencePiece.
 */
export class TextTokenizer {
  readonly special: SpecialIds;
  /** Ids that stand for no text; masks never hide them. */
  readonly specialIds: ReadonlySet<number>;
  /** One more than the largest id: a model's embedding must have as many rows, or more. */
  readonly vocabularySize: number;
  /** Where padding goes. */
  readonly paddingSide: 'left' | 'right';
  readonly #library: Library;
  readonly #truncationSide: 'left' | 'right';
  readonly #single: Template;
  readonly #pair: Template;
  readonly #where: string;

  constructor(library: Library, settings: TokenizerSettings, isRoberta: boolean, where: string) {
    this.#library = library;
    this.#where = where;
    this.special = Object.fromEntries(
      specialKeys.flatMap((key) => {
        const token = settings.special[key];
        const id = token === undefined ? undefined : library.token_to_id(token);
        return id === undefined ? [] : [[key, id]];
      }),
    );
    const added = [...library.get_added_tokens_decoder()].filter(([, token]) => token.special).map(([id]) => id);
    this.specialIds = new Set([...added, ...Object.values(this.special)]);
    let largest = -1;
    for (const id of library.get_vocab().values()) largest = Math.max(largest, id);
    this.vocabularySize = largest + 1;
    this.paddingSide = settings.paddingSide;
    this.#truncationSide = settings.truncationSide;
    this.#single = templateOf(library, false, isRoberta);
    this.#pair = templateOf(library, true, isRoberta);
  }

  /** What fills rows up to the length of a batch: masked, so any token does where there is none for padding. */
  get padId(): number {
    return this.special.pad ?? this.special.eos ?? 0;
  }

  /**
   * @param pairs the second text of each pair.
   * @param options.maxLength of a row, special tokens included; of pairs the longer text is cut first. Absent: nothing is cut.
   * @throws UserError when there is no room for a text.
   */
  encode(
    texts: readonly string[],
    pairs?: readonly string[],
    options: { readonly maxLength?: number } = {},
  ): EncodedTexts {
    const template = pairs ? this.#pair : this.#single;
    const { maxLength = Number.POSITIVE_INFINITY } = options;
    const room = maxLength - template.added;
    // Python `tokenizers` cut each text to the whole length before: two longer ones count as equally long.
    const lengthOf = (tokens: readonly number[]) => Math.min(tokens.length, maxLength);
    if (room < (pairs ? 2 : 1)) {
      throw new UserError(`${options.maxLength} tokens leave no room for text beside ${template.added} special ones`, {
        where: this.#where,
        remedy: `Use at least ${template.added + (pairs ? 2 : 1)}.`,
      });
    }
    let truncated = 0;
    const ids: Int32Array[] = [];
    const typeIds: Int32Array[] = [];
    const hasTypes = template.parts.some(({ typeId }) => typeId !== 0);
    for (const [index, text] of texts.entries()) {
      const whole = [this.#idsOf(text), ...(pairs ? [this.#idsOf(pairs[index]!)] : [])] as [number[], number[]?];
      const lengths = truncatedLengths(
        whole.length === 1 ? [lengthOf(whole[0])] : [lengthOf(whole[0]), lengthOf(whole[1]!)],
        room,
      );
      const cut = whole.map((tokens, place) => this.#cut(tokens!, lengths[place]!));
      if (cut.some((tokens, place) => tokens.length < whole[place]!.length)) truncated++;
      const tokens: number[] = [];
      const types: number[] = [];
      for (const { id, typeId } of template.parts) {
        const part = id === 'text' ? cut[0]! : id === 'pair' ? cut[1]! : [id];
        for (const token of part) {
          tokens.push(token);
          types.push(typeId);
        }
      }
      ids.push(Int32Array.from(tokens));
      if (hasTypes) typeIds.push(Int32Array.from(types));
    }
    return { ids, ...(hasTypes && { typeIds }), truncated };
  }

  /** The text of tokens, without special ones. */
  decode(ids: ArrayLike<number>): string {
    if (ids.length === 0) return '';
    return this.#library.decode(Array.from(ids), { skip_special_tokens: true, clean_up_tokenization_spaces: false });
  }

  #idsOf(text: string): number[] {
    return this.#library.encode(text, { add_special_tokens: false }).ids;
  }

  #cut(tokens: number[], length: number): number[] {
    return this.#truncationSide === 'right' ? tokens.slice(0, length) : tokens.slice(tokens.length - length);
  }
}

function templateOf(library: Library, hasPair: boolean, isRoberta: boolean): Template {
  const [text, pair] = ['\u0000text', '\u0000pair'];
  const processed = library.post_processor?.post_process([text], hasPair ? [pair] : null, true);
  const hasBoth = processed && (!hasPair || processed.tokens.includes(pair));
  // Without a template of its own, a pair is one text after the other.
  const tokens = hasBoth ? processed.tokens : hasPair ? [text, pair] : [text];
  const types = hasBoth ? processed.token_type_ids : undefined;
  const parts: Template['parts'] = tokens.map((token, place) => {
    const fallback = token === pair ? 1 : 0;
    return {
      id: token === text ? 'text' : token === pair ? 'pair' : library.token_to_id(token)!,
      // RoBERTa's models have one type.
      typeId: isRoberta ? 0 : (types?.[place] ?? fallback),
    };
  });
  return { parts, added: tokens.length - (hasPair ? 2 : 1) };
}

interface TokenizerSettings {
  readonly special: { readonly [Key in (typeof specialKeys)[number]]?: string };
  readonly paddingSide: 'left' | 'right';
  readonly truncationSide: 'left' | 'right';
}

type Json = Record<string, unknown>;
const asObject = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});

/** What a special token is: text, or an object with its `content`. */
function contentOf(value: unknown): string | undefined {
  const content = typeof value === 'string' ? value : asObject(value).content;
  return typeof content === 'string' ? content : undefined;
}

function settingsOf({ tokenizer, config, specialTokens }: TokenizerFiles): TokenizerSettings {
  const [settings, map] = [asObject(config), asObject(specialTokens)];
  const { padding, truncation } = asObject(tokenizer);
  const special = Object.fromEntries(
    specialKeys.map((key) => [key, contentOf(settings[`${key}_token`]) ?? contentOf(map[`${key}_token`])]),
  );
  const sideOf = (set: unknown, saved: unknown) => (String(set ?? saved).toLowerCase() === 'left' ? 'left' : 'right');
  return {
    special: { ...special, pad: special.pad ?? contentOf(asObject(padding).pad_token) },
    paddingSide: sideOf(settings.padding_side, asObject(padding).direction),
    truncationSide: sideOf(settings.truncation_side, asObject(truncation).direction),
  };
}

const kinds = ['WordPiece', 'BPE', 'Unigram'];

/**
 * A tokenizer from its files.
 * @param where for messages.
 * @throws UserError when it is of a kind that can't be used here.
 */
export function buildTokenizer(files: TokenizerFiles, where: string): TextTokenizer {
  const { tokenizer } = files;
  const { model, added_tokens: added, post_processor: processor } = asObject(tokenizer);
  const { type, vocab } = asObject(model);
  if (typeof vocab !== 'object' || vocab === null) {
    throw new BrokenInputError('has no vocabulary (`model.vocab`)', {
      where,
      remedy: 'Use a tokenizer.json as Hugging Face tokenizers writes it.',
    });
  }
  if (type !== undefined && !kinds.includes(String(type))) {
    throw new UserError(`is a tokenizer of the kind ${String(type)}`, {
      where,
      remedy: `Usable are: ${kinds.join(', ')}.`,
    });
  }
  const settings = settingsOf(files);
  const parts = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...asObject(tokenizer) };
  try {
    // The library's own rules for classes of tokenizers are left out: tokenizer.json says all.
    const library: Library = new Tokenizer(
      { ...parts, added_tokens: added ?? [] },
      { eos_token: settings.special.eos },
    );
    return new TextTokenizer(library, settings, asObject(processor).type === 'RobertaProcessing', where);
  } catch (cause) {
    throw new UserError(`can't be used as a tokenizer: ${messageOf(cause)}`, {
      where,
      remedy: 'Save the tokenizer again with Hugging Face transformers, or use another.',
      cause,
    });
  }
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return undefined;
    throw new UserError(`can't be read (${cause.code})`, {
      where: path,
      remedy: 'Check the folder of the model.',
      cause,
    });
  });
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

/** What a tokenizer is made of; only the first is needed. */
export const tokenizerFiles = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'] as const;

/** Files of which transformers can make a tokenizer.json. */
const otherForms = ['vocab.txt', 'vocab.json', 'spiece.model', 'sentencepiece.bpe.model', 'tokenizer.model'];

/**
 * Opens the tokenizer in a folder: tokenizer.json, and beside it tokenizer_config.json and special_tokens_map.json where they are.
 * @throws UserError when it is missing, damaged or of a kind that can't be used here.
 */
export async function openTokenizer(folder: string): Promise<TextTokenizer> {
  const [main, ...others] = tokenizerFiles;
  const path = join(folder, main);
  const tokenizer = await readJson(path);
  if (tokenizer === undefined) {
    const present = await readdir(folder).catch(() => [] as string[]);
    const other = otherForms.find((name) => present.includes(name));
    throw new UserError('there is no such file', {
      where: path,
      remedy: other
        ? `The folder has ${other}; write tokenizer.json with Hugging Face transformers: AutoTokenizer.from_pretrained(folder).save_pretrained(folder).`
        : 'Put the tokenizer.json of the model into the folder.',
    });
  }
  const [config, specialTokens] = await Promise.all(others.map((name) => readJson(join(folder, name))));
  return buildTokenizer({ tokenizer, config, specialTokens }, path);
}
