import { addedToken } from '../definition.ts';
import { bertNormalizer, robertaProcessing, wordPiece, wordPieceDecoder } from '../parts.ts';
import { namedTokens, type TokenizerClass, textOf } from './class.ts';

const special = (content: string, lstrip: boolean) => addedToken({ content, lstrip, special: true });

const isNamed = (key: string) => (namedTokens as readonly string[]).includes(key);

/** MPNet's tokenizer: BERT's pieces between RoBERTa's tokens. */
export const mpnet: TokenizerClass = {
  names: ['MPNetTokenizer'],
  kind: 'WordPiece',
  files: ['vocab.txt'],
  defaults: {
    do_lower_case: true,
    bos_token: '<s>',
    eos_token: '</s>',
    sep_token: '</s>',
    cls_token: '<s>',
    unk_token: '[UNK]',
    pad_token: '<pad>',
    mask_token: '<mask>',
    tokenize_chinese_chars: true,
    strip_accents: null,
  },
  prepare: (settings) =>
    Object.fromEntries(
      Object.entries(settings).map(([key, value]) =>
        isNamed(key) && typeof value === 'string' ? [key, special(value, key === 'mask_token')] : [key, value],
      ),
    ),
  build: (_, settings) => ({
    normalizer: bertNormalizer({
      chinese: settings.tokenize_chinese_chars,
      accents: settings.strip_accents,
      lowercase: settings.do_lower_case,
    }),
    pre_tokenizer: { type: 'BertPreTokenizer' },
    decoder: wordPieceDecoder,
    model: wordPiece(textOf(settings.unk_token)),
  }),
  around: (token) =>
    robertaProcessing(token('sep_token'), token('cls_token'), { trimOffsets: true, addPrefixSpace: false }),
};
