/** Classes of SentencePiece's unigram models: T5, XLM-RoBERTa, CamemBERT, ALBERT, DeBERTa's later versions. */
import { addedToken, type Json } from '../definition.ts';
import { metaspace, precompiled, replace, sequenceOf, template, unigram, wordsWithMarks } from '../parts.ts';
import { type Settings, type Source, type TokenizerClass, textOf } from './class.ts';

/** A class's `_spm_precompiled_charsmap`, if tokenizer.json or the SentencePiece model has one. */
const mapOf = ({ charactersMap }: Source) => (charactersMap === undefined ? [] : [precompiled(charactersMap)]);

const marks = (addPrefixSpace: unknown): Json => metaspace(addPrefixSpace ? 'always' : 'never');

const piecesOf = ({ vocab }: Source) => vocab as readonly (readonly [piece: string, score: number])[];

export const t5: TokenizerClass = {
  names: ['T5Tokenizer'],
  kind: 'Unigram',
  files: ['spiece.model'],
  defaults: { eos_token: '</s>', unk_token: '<unk>', pad_token: '<pad>', extra_ids: 100 },
  prepare(settings) {
    const own = sentinels(Number(settings.extra_ids));
    const given = (settings.additional_special_tokens ?? []) as unknown[];
    const hasSentinels = given.some((token) => textOf(token).includes('<extra_id_'));
    return { ...settings, additional_special_tokens: hasSentinels ? given : [...given, ...own] };
  },
  build: (source) => ({
    normalizer: mapOf(source)[0] ?? null,
    pre_tokenizer: wordsWithMarks(true),
    decoder: marks(true),
    model: unigram(2),
  }),
  around(token) {
    const end = { content: '</s>', id: token('eos_token').id };
    return template('$A </s>', '$A </s> $B </s>', [end]);
  },
  fromSentencePiece: (vocab, settings) => [
    ...vocab,
    ...sentinels(Number(settings.extra_ids ?? 100))
      .toReversed()
      .map((token) => [token, 0] as const),
  ],
};

const sentinels = (count: number) => Array.from({ length: count }, (_, id) => `<extra_id_${id}>`);

const robertaTokens = {
  bos_token: '<s>',
  eos_token: '</s>',
  sep_token: '</s>',
  cls_token: '<s>',
  unk_token: '<unk>',
  pad_token: '<pad>',
  mask_token: '<mask>',
};

const startAndEnd: TokenizerClass['around'] = (token) => {
  const [bos, eos] = [token('bos_token'), token('eos_token')];
  const [b, e] = [bos.content, eos.content];
  return template(`${b} $A ${e}`, `${b} $A ${e} ${e} $B ${e}`, [bos, eos]);
};

export const xlmRoberta: TokenizerClass = {
  names: ['XLMRobertaTokenizer'],
  kind: 'Unigram',
  files: ['sentencepiece.bpe.model'],
  defaults: { ...robertaTokens, add_prefix_space: true },
  build: (source, settings) => ({
    normalizer: mapOf(source)[0] ?? null,
    pre_tokenizer: wordsWithMarks(settings.add_prefix_space),
    decoder: marks(settings.add_prefix_space),
    model: unigram(3),
  }),
  around: startAndEnd,
  fromSentencePiece: (vocab, settings) => [
    ...['bos_token', 'pad_token', 'eos_token', 'unk_token'].map((key) => [named(settings, key), 0] as const),
    ...vocab.slice(3),
    [named(settings, 'mask_token'), 0],
  ],
};

/** The name that settings have for a token, or RoBERTa's. */
const named = (settings: Settings, key: string): string =>
  textOf(key in settings ? settings[key] : robertaTokens[key as keyof typeof robertaTokens]);

export const camembert: TokenizerClass = {
  names: ['CamembertTokenizer'],
  kind: 'Unigram',
  files: ['sentencepiece.bpe.model'],
  defaults: { ...robertaTokens, add_prefix_space: true },
  prepare(settings) {
    const { mask_token: mask, additional_special_tokens: additional } = settings;
    return {
      ...settings,
      mask_token: typeof mask === 'string' ? addedToken({ content: mask, lstrip: true, special: true }) : mask,
      additional_special_tokens: additional ?? ['<s>NOTUSED', '</s>NOTUSED', '<unk>NOTUSED'],
    };
  },
  build(source, settings) {
    const unknown = piecesOf(source).findIndex(([piece]) => piece === textOf(settings.unk_token));
    return {
      normalizer: mapOf(source)[0] ?? null,
      pre_tokenizer: wordsWithMarks(settings.add_prefix_space),
      decoder: marks(settings.add_prefix_space),
      model: unigram(Math.max(unknown, 0)),
    };
  },
  around: startAndEnd,
  fromSentencePiece: (vocab, settings) => [
    ['<s>NOTUSED', 0],
    [named(settings, 'pad_token'), 0],
    ['</s>NOTUSED', 0],
    [named(settings, 'unk_token'), 0],
    ['<unk>NOTUSED', -100],
    ...vocab.slice(1),
    [named(settings, 'mask_token'), 0],
  ],
};

export const albert: TokenizerClass = {
  names: ['AlbertTokenizer'],
  kind: 'Unigram',
  files: ['spiece.model'],
  defaults: {
    do_lower_case: true,
    keep_accents: false,
    bos_token: '[CLS]',
    eos_token: '[SEP]',
    unk_token: '<unk>',
    sep_token: '[SEP]',
    pad_token: '<pad>',
    cls_token: '[CLS]',
    mask_token: '[MASK]',
    add_prefix_space: true,
    trim_offsets: true,
  },
  build: (source, settings) => ({
    normalizer: sequenceOf('normalizers', [
      replace('``', '"'),
      replace("''", '"'),
      ...(settings.keep_accents ? [] : [{ type: 'NFKD' }, { type: 'StripAccents' }]),
      ...(settings.do_lower_case ? [{ type: 'Lowercase' }] : []),
      ...mapOf(source),
    ]),
    pre_tokenizer: wordsWithMarks(settings.add_prefix_space),
    decoder: marks(settings.add_prefix_space),
    model: unigram(1),
  }),
  givesWay: true,
  around(token) {
    const [cls, sep] = [token('cls_token'), token('sep_token')];
    return template('[CLS]:0 $A:0 [SEP]:0', '[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1', [
      { content: '[CLS]', id: cls.id },
      { content: '[SEP]', id: sep.id },
    ]);
  },
};

export const debertaV2: TokenizerClass = {
  names: ['DebertaV2Tokenizer'],
  kind: 'Unigram',
  files: ['spm.model'],
  inputNames: ['input_ids', 'attention_mask', 'token_type_ids'],
  defaults: {
    do_lower_case: false,
    split_by_punct: false,
    bos_token: '[CLS]',
    eos_token: '[SEP]',
    unk_token: '[UNK]',
    sep_token: '[SEP]',
    pad_token: '[PAD]',
    cls_token: '[CLS]',
    mask_token: '[MASK]',
    add_prefix_space: true,
    unk_id: 1,
  },
  build(source, settings) {
    const unknown = piecesOf(source).findIndex(([piece, score]) => piece === textOf(settings.unk_token) && score === 0);
    const scheme = settings.add_prefix_space ? 'always' : 'first';
    return {
      normalizer: sequenceOf('normalizers', [
        ...(settings.do_lower_case ? [{ type: 'Lowercase' }] : []),
        { type: 'Replace', pattern: { Regex: '\\s{2,}|[\\n\\r\\t]' }, content: ' ' },
        { type: 'NFC' },
        { type: 'Strip', strip_left: false, strip_right: true },
      ]),
      pre_tokenizer: sequenceOf('pretokenizers', [
        ...(settings.split_by_punct ? [{ type: 'Punctuation', behavior: 'Isolated' }] : []),
        metaspace(scheme),
      ]),
      decoder: metaspace(scheme),
      model: unigram(unknown >= 0 ? unknown : settings.unk_id),
    };
  },
  around(token) {
    const [cls, sep] = [token('cls_token'), token('sep_token')];
    const [c, s] = [cls.content, sep.content];
    return template(`${c}:0 $A:0 ${s}:0`, `${c}:0 $A:0 ${s}:0 $B:1 ${s}:1`, [cls, sep]);
  },
};
