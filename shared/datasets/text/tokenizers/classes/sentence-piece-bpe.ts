/** Classes of SentencePiece's BPE, which falls back to bytes: Llama's and Gemma's. */
import { bpe, byteFallbackDecoder, metaspace, replace } from '../parts.ts';
import { type TokenizerClass, textOf } from './class.ts';

export const llama: TokenizerClass = {
  names: ['LlamaTokenizer'],
  kind: 'BPE',
  files: ['tokenizer.model'],
  paddingSide: 'left',
  defaults: {
    unk_token: '<unk>',
    bos_token: '<s>',
    eos_token: '</s>',
    legacy: false,
    add_prefix_space: null,
  },
  build(_, settings) {
    const hasPrefix = Boolean(settings.add_prefix_space ?? true);
    const scheme = hasPrefix ? (settings.legacy ? 'always' : 'first') : 'never';
    return {
      normalizer: null,
      pre_tokenizer: metaspace(scheme, false),
      decoder: byteFallbackDecoder(...(hasPrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [])),
      model: bpe({ fuseUnknown: true, byteFallback: true }),
    };
  },
};

export const gemma: TokenizerClass = {
  names: ['GemmaTokenizer'],
  kind: 'BPE',
  files: ['tokenizer.model'],
  paddingSide: 'left',
  defaults: {
    unk_token: '<unk>',
    bos_token: '<bos>',
    eos_token: '<eos>',
    pad_token: '<pad>',
    mask_token: '<mask>',
  },
  build: (_, settings) => ({
    normalizer: replace(' ', '▁'),
    pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
    decoder: byteFallbackDecoder(),
    model: bpe({ unknown: textOf(settings.unk_token), fuseUnknown: true, byteFallback: true }),
  }),
};
