import { bertNormalizer, template, wordPiece, wordPieceDecoder } from '../parts.ts';
import { type TokenizerClass, textOf } from './class.ts';

/** BERT's tokenizer, which ELECTRA and others have too. */
export const bert: TokenizerClass = {
  names: ['BertTokenizer', 'ElectraTokenizer', 'MobileBertTokenizer', 'SqueezeBertTokenizer', 'LxmertTokenizer'],
  kind: 'WordPiece',
  files: ['vocab.txt'],
  inputNames: ['input_ids', 'token_type_ids', 'attention_mask'],
  defaults: {
    do_lower_case: true,
    unk_token: '[UNK]',
    sep_token: '[SEP]',
    pad_token: '[PAD]',
    cls_token: '[CLS]',
    mask_token: '[MASK]',
    tokenize_chinese_chars: true,
    strip_accents: null,
  },
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
  around(token) {
    const [cls, sep] = [token('cls_token'), token('sep_token')];
    const [c, s] = [cls.content, sep.content];
    return template(`${c}:0 $A:0 ${s}:0`, `${c}:0 $A:0 ${s}:0 $B:1 ${s}:1`, [cls, sep]);
  },
};

/** BERT's tokenizer for models without types of tokens. */
export const distilBert: TokenizerClass = {
  ...bert,
  names: ['DistilBertTokenizer'],
  inputNames: ['input_ids', 'attention_mask'],
};
