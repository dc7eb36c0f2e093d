import { asAddedToken, type Definition, type Json, type Vocabulary } from '../definition.ts';
import type { KnownToken } from '../parts.ts';

/** Settings that name special tokens, in the order in which they get ids. */
export const namedTokens = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
] as const;

/** Settings of a tokenizer: those of its class, under those of tokenizer_config.json and special_tokens_map.json. */
export type Settings = Json;

/** The text of a special token in the settings: a string, an added token, or none, which Python calls `None`. */
export function textOf(token: unknown): string {
  if (typeof token === 'string') return token;
  const content = asAddedToken(token)?.content;
  return content ?? 'None';
}

/** The vocabulary and settings that a tokenizer is built from. */
export interface Source {
  readonly vocab: Vocabulary;
  /** The merges of BPE. */
  readonly merges: readonly unknown[];
  /** The character map of SentencePiece, in base64. */
  readonly charactersMap?: string | undefined;
}

/** A class of tokenizers in `transformers`, which makes its parts anew by its settings, whatever tokenizer.json says. */
export interface TokenizerClass {
  /** The names that tokenizer_config.json has for the class. */
  readonly names: readonly string[];
  readonly kind: 'WordPiece' | 'BPE' | 'Unigram';
  /** Files of which it can be made where there is no tokenizer.json: a vocabulary, and BPE's merges. */
  readonly files?: readonly string[];
  /** The names of the inputs that the class's models are given. */
  readonly inputNames?: readonly string[];
  readonly paddingSide?: 'left' | 'right';
  /** The class's own defaults of settings. */
  readonly defaults: Settings;
  /** Builds the tokenizer's parts, except for the tokens that are put around texts. */
  build(
    source: Source,
    settings: Settings,
  ): Pick<Definition, 'normalizer' | 'pre_tokenizer' | 'decoder'> & { model: Json };
  /** The settings that the class makes of those that it is given. */
  prepare?(settings: Settings): Settings;
  /** Tokens that it adds again, in the end, by what is special. */
  readonly addsSpecialAgain?: boolean;
  /** What is put around texts, after all tokens have their ids; absent: what tokenizer.json says, or the ends that the settings ask for. */
  around?(token: (setting: string) => KnownToken, settings: Settings): Json;
  /** Whether `around` is for a tokenizer without a tokenizer.json alone. */
  readonly givesWay?: boolean;
  /** The vocabulary that it makes of that of a SentencePiece model. */
  fromSentencePiece?(vocab: readonly (readonly [string, number])[], settings: Settings): (readonly [string, number])[];
}
