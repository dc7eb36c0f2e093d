/** Parts of a tokenizer.json that several classes of tokenizers have. */
import type { Json } from './definition.ts';

/** A token with its id. */
export interface KnownToken {
  readonly content: string;
  readonly id: number;
}

export const bertNormalizer = (options: { chinese: unknown; accents: unknown; lowercase: unknown }): Json => ({
  type: 'BertNormalizer',
  clean_text: true,
  handle_chinese_chars: options.chinese,
  strip_accents: options.accents,
  lowercase: options.lowercase,
});

export const byteLevel = (
  addPrefixSpace: unknown,
  options: { trimOffsets?: unknown; useRegex?: boolean } = {},
): Json => ({
  type: 'ByteLevel',
  add_prefix_space: addPrefixSpace,
  trim_offsets: options.trimOffsets ?? true,
  use_regex: options.useRegex ?? true,
});

export const metaspace = (scheme: string, split = true): Json => ({
  type: 'Metaspace',
  replacement: '▁',
  prepend_scheme: scheme,
  split,
});

export const sequenceOf = (kind: 'normalizers' | 'pretokenizers' | 'decoders', parts: readonly Json[]): Json => ({
  type: 'Sequence',
  [kind]: parts,
});

export const replace = (from: string, to: string): Json => ({
  type: 'Replace',
  pattern: { String: from },
  content: to,
});

export const precompiled = (map: string): Json => ({ type: 'Precompiled', precompiled_charsmap: map });

/** Words apart, each with a mark in front: Unigram's usual splitter. */
export const wordsWithMarks = (addPrefixSpace: unknown): Json =>
  sequenceOf('pretokenizers', [{ type: 'WhitespaceSplit' }, metaspace(addPrefixSpace ? 'always' : 'never')]);

export const wordPiece = (unknown: string): Json => ({
  type: 'WordPiece',
  unk_token: unknown,
  continuing_subword_prefix: '##',
  max_input_chars_per_word: 100,
});

export const wordPieceDecoder: Json = { type: 'WordPiece', prefix: '##', cleanup: true };

export const bpe = (options: {
  unknown?: string | null;
  affixes?: '' | null;
  fuseUnknown?: boolean;
  byteFallback?: boolean;
}): Json => ({
  type: 'BPE',
  dropout: null,
  unk_token: options.unknown ?? null,
  continuing_subword_prefix: options.affixes ?? null,
  end_of_word_suffix: options.affixes ?? null,
  fuse_unk: options.fuseUnknown ?? false,
  byte_fallback: options.byteFallback ?? false,
  ignore_merges: false,
});

export const unigram = (unknownId: unknown): Json => ({ type: 'Unigram', unk_id: unknownId, byte_fallback: false });

/** SentencePiece's decoder of pieces that fall back to bytes. */
export const byteFallbackDecoder = (...more: readonly Json[]): Json =>
  sequenceOf('decoders', [replace('▁', ' '), { type: 'ByteFallback' }, { type: 'Fuse' }, ...more]);

/** A template in the short form of Hugging Face's library, such as `[CLS]:0 $A:0 [SEP]:0`, with the tokens in it. */
export function template(single: string, pair: string, tokens: readonly KnownToken[]): Json {
  const parts = (text: string) =>
    text
      .split(' ')
      .filter((part) => part !== '')
      .map((part) => {
        const [, id = part, type = '0'] = /^(.+):(\d+)$/.exec(part) ?? [];
        const isText = id === '$A' || id === '$B';
        return isText
          ? { Sequence: { id: id.slice(1), type_id: Number(type) } }
          : { SpecialToken: { id, type_id: Number(type) } };
      });
  return {
    type: 'TemplateProcessing',
    single: parts(single),
    pair: parts(pair),
    special_tokens: Object.fromEntries(
      tokens.map(({ content, id }) => [content, { id: content, ids: [id], tokens: [content] }]),
    ),
  };
}

export const robertaProcessing = (
  sep: KnownToken,
  cls: KnownToken,
  options: { trimOffsets: unknown; addPrefixSpace: unknown },
): Json => ({
  type: 'RobertaProcessing',
  sep: [sep.content, sep.id],
  cls: [cls.content, cls.id],
  trim_offsets: options.trimOffsets,
  add_prefix_space: options.addPrefixSpace,
});
