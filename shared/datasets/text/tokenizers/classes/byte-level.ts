/** Classes of byte-level BPE: RoBERTa, GPT-2, GPT-NeoX, DeBERTa, Qwen2. */
import { bpe, byteLevel, robertaProcessing, sequenceOf, template } from '../parts.ts';
import type { TokenizerClass } from './class.ts';

const decoder = byteLevel(true);
const files = ['vocab.json', 'merges.txt'];

/** RoBERTa's, which BART and its like have too. */
export const roberta: TokenizerClass = {
  names: ['RobertaTokenizer', 'BartTokenizer', 'LEDTokenizer', 'MvpTokenizer', 'LongformerTokenizer'],
  kind: 'BPE',
  files,
  defaults: {
    bos_token: '<s>',
    eos_token: '</s>',
    sep_token: '</s>',
    cls_token: '<s>',
    unk_token: '<unk>',
    pad_token: '<pad>',
    mask_token: '<mask>',
    add_prefix_space: false,
    trim_offsets: true,
  },
  build: (_, settings) => ({
    normalizer: null,
    pre_tokenizer: byteLevel(settings.add_prefix_space),
    decoder,
    model: bpe({ affixes: '' }),
  }),
  around: (token, settings) =>
    robertaProcessing(token('sep_token'), token('cls_token'), {
      trimOffsets: settings.trim_offsets,
      addPrefixSpace: settings.add_prefix_space,
    }),
};

export const gpt2: TokenizerClass = {
  names: ['GPT2Tokenizer'],
  kind: 'BPE',
  files,
  defaults: {
    unk_token: '<|endoftext|>',
    bos_token: '<|endoftext|>',
    eos_token: '<|endoftext|>',
    pad_token: null,
    add_prefix_space: false,
  },
  build: (_, settings) => ({
    normalizer: null,
    pre_tokenizer: byteLevel(settings.add_prefix_space),
    decoder,
    model: bpe({ affixes: '' }),
  }),
};

/** DeBERTa's first version; the others have SentencePiece's pieces. */
export const deberta: TokenizerClass = {
  names: ['DebertaTokenizer'],
  kind: 'BPE',
  files,
  inputNames: ['input_ids', 'attention_mask', 'token_type_ids'],
  defaults: {
    bos_token: '[CLS]',
    eos_token: '[SEP]',
    sep_token: '[SEP]',
    cls_token: '[CLS]',
    unk_token: '[UNK]',
    pad_token: '[PAD]',
    mask_token: '[MASK]',
    add_prefix_space: false,
  },
  build: (_, settings) => ({
    normalizer: null,
    pre_tokenizer: byteLevel(settings.add_prefix_space),
    decoder,
    model: bpe({ affixes: '' }),
  }),
  around(token) {
    const [cls, sep] = [token('cls_token'), token('sep_token')];
    const [c, s] = [cls.content, sep.content];
    return template(`${c} $A ${s}`, `${c} $A ${s} ${s} $B ${s}`, [cls, sep]);
  },
};

const qwenWords =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

export const qwen2: TokenizerClass = {
  names: ['Qwen2Tokenizer'],
  kind: 'BPE',
  files,
  defaults: {
    unk_token: '<|endoftext|>',
    bos_token: null,
    eos_token: '<|endoftext|>',
    pad_token: '<|endoftext|>',
    add_prefix_space: null,
  },
  build: (_, settings) => ({
    normalizer: { type: 'NFC' },
    pre_tokenizer: sequenceOf('pretokenizers', [
      { type: 'Split', pattern: { Regex: qwenWords }, behavior: 'Isolated', invert: false },
      byteLevel(settings.add_prefix_space ?? false, { useRegex: false }),
    ]),
    decoder,
    model: bpe({ affixes: '' }),
  }),
  addsSpecialAgain: true,
};
