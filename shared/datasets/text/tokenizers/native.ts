import { createRequire } from 'node:module';
import { RunError } from '../../../core/errors.ts';

/** A tokenizer of Hugging Face's own library, in Rust, which Python's `tokenizers` calls too; its declarations lack some types. */
export interface NativeTokenizer {
  encodeBatch(texts: readonly string[], options: { addSpecialTokens: boolean }): Promise<NativeEncoding[]>;
  /** Texts are read up to the word that reaches the limit, from the side that is kept. */
  setTruncation(limit: number, options: { direction: 'left' | 'right' }): void;
  disableTruncation(): void;
  decode(ids: number[], skipSpecialTokens: boolean): Promise<string>;
  tokenToId(token: string): number | null;
  idToToken(id: number): string | null;
}

export interface NativeEncoding {
  getIds(): number[];
  getLength(): number;
  /** The token that a character is in; characters are code points. */
  charToToken(character: number): number | null;
  /** The parts that were cut off. */
  getOverflowing(): NativeEncoding[];
}

/** The part of the library's interface that is used here. */
export interface NativeLibrary {
  readonly Tokenizer: { fromString(definition: string): NativeTokenizer };
  bertNormalizer(options: { lowercase: boolean }): { normalizeString(text: string): string };
  bertPreTokenizer(): { preTokenizeString(text: string): [piece: string, offsets: [number, number]][] };
}

let loaded: NativeLibrary | undefined;

/**
 * The library. It is loaded where a text is to be encoded and not before: what reads no texts needs no binary.
 * @throws RunError when there is no binary of it for this machine.
 */
export function nativeTokenizers(): NativeLibrary {
  try {
    loaded ??= createRequire(import.meta.url)('tokenizers') as typeof import('tokenizers');
  } catch (cause) {
    throw new RunError("the package tokenizers can't be loaded on this machine", {
      remedy: `Install tempbalance again. The package has binaries for Linux, macOS and Windows, on x64 and arm64; this is ${process.platform} on ${process.arch}.`,
      cause,
    });
  }
  return loaded;
}
