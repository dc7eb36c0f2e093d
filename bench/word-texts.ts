/** Texts of random words, and a tokenizer that knows them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomFor } from '../shared/core/random.ts';

/** Words that the tokenizer knows, special ones included. */
export const vocabulary = 8000;

const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '</s>'];

/** Words by their numbers, between a first and a last token. */
const tokenizer = {
  version: '1.0',
  added_tokens: special.map((content, id) => ({
    id,
    content,
    ...{ single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
  })),
  normalizer: null,
  pre_tokenizer: { type: 'WhitespaceSplit' },
  post_processor: { type: 'BertProcessing', cls: ['[CLS]', 2], sep: ['[SEP]', 3] },
  decoder: null,
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(
      [...special, ...Array.from({ length: vocabulary - special.length }, (_, index) => `w${index}`)].map(
        (word, id) => [word, id],
      ),
    ),
  },
};
const tokenizerConfig = {
  // As it is, whatever the kind of model.
  tokenizer_class: 'TokenizersBackend',
  pad_token: '[PAD]',
  unk_token: '[UNK]',
  cls_token: '[CLS]',
  sep_token: '[SEP]',
  eos_token: '</s>',
};

/** Files of the tokenizer, by name. */
export function tokenizerFiles(): Map<string, Uint8Array> {
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  return new Map([
    ['tokenizer.json', json(tokenizer)],
    ['tokenizer_config.json', json(tokenizerConfig)],
  ]);
}

/** Writes texts of so many words with labels `even` and `odd`; gives what a run file's `dataset` says of them. */
export async function writeWords(folder: string, { words, samples }: { words: number; samples: number }) {
  const path = join(folder, 'texts.jsonl');
  const random = randomFor(1, 'bench', 'texts');
  const word = () => `w${random.integer(vocabulary - special.length)}`;
  const rows = Array.from({ length: samples }, (_, row) => ({
    text: Array.from({ length: words }, word).join(' '),
    label: row % 2 === 0 ? 'even' : 'odd',
  }));
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return { format: 'jsonl', path };
}
