import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../shared/core/errors.ts';
import { buildTokenizer, openTokenizer } from '../../../shared/datasets/text/tokenizer.ts';
import { fixturePath, readJsonFixture } from '../../support/fixtures.ts';
import { refusalOf, scratchFolder } from '../../support/text.ts';
import { differencesOf, type Expected } from '../../support/tokenizers.ts';

const file = scratchFolder();
const resolved = (...path: string[]) => ['tokenizers', 'resolved', ...path];
const folders = (await readdir(fixturePath(...resolved()), { withFileTypes: true })).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);

describe.each(folders)('the folder %s', (name) => {
  it('gives the tokenizer and the tokens that AutoTokenizer gives', async () => {
    const tokenizer = await openTokenizer(fixturePath(...resolved(name)));
    const texts = await readJsonFixture<string[]>(...resolved('strings.json'));
    const expected = await readJsonFixture<Expected>(...resolved(name, 'expected.json'));
    const { differences, compared } = await differencesOf(tokenizer, texts, expected);
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(110);
  });

  it('gives the same when the tokenizer.json that was made of it stands in it', async () => {
    const tokenizer = await openTokenizer(fixturePath(...resolved(name)));
    const copy = join(await file('copies', ''), '..', name);
    await cp(fixturePath(...resolved(name)), copy, { recursive: true });
    await writeFile(join(copy, 'tokenizer.json'), JSON.stringify(tokenizer.definition));
    const again = await openTokenizer(copy);
    expect(again.definition).toEqual(JSON.parse(JSON.stringify(tokenizer.definition)));
    expect(again.special).toEqual(tokenizer.special);
  });
});

const words = { '[PAD]': 0, '[UNK]': 1, '[CLS]': 2, '[SEP]': 3, '[MASK]': 4, cat: 5, '##s': 6, dog: 7, Cat: 8, '�': 9 };

/** A tokenizer.json of a few words. */
const small = (parts: object = {}, model: object = {}) => ({
  version: '1.0',
  added_tokens: [],
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: null,
  decoder: null,
  ...parts,
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: words,
    ...model,
  },
});
const twoTexts = { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] };
const plain = { tokenizer_class: 'TokenizersBackend' };
const encoded = async (files: Parameters<typeof buildTokenizer>[0], text: string) => [
  ...(await buildTokenizer(files, 'tokenizer.json').encode([text])).ids[0]!,
];

describe('what stands beside tokenizer.json', () => {
  it.each([
    [
      'the class of the tokenizer lower-cases by its setting',
      { tokenizer_class: 'BertTokenizer', do_lower_case: false },
      undefined,
      [2, 8, 6, 3],
    ],
    [
      'the class of the tokenizer lower-cases where nothing is said',
      { tokenizer_class: 'BertTokenizer' },
      undefined,
      [2, 5, 6, 3],
    ],
    ['the kind of model says the class', { do_lower_case: false }, 'electra', [2, 8, 6, 3]],
    ['a class that takes the file as it is has no such settings', { ...plain, do_lower_case: false }, 'bert', [5, 6]],
    [
      'as has one that transformers does not know',
      { tokenizer_class: 'MyTokenizer', do_lower_case: false },
      undefined,
      [5, 6],
    ],
    [
      'a kind of model whose named classes are wrong keeps its own',
      { tokenizer_class: 'BertTokenizer', do_lower_case: false },
      'modernbert',
      [5, 6],
    ],
  ] as const)('%s', async (_, config, model_type, ids) => {
    expect(await encoded({ tokenizer: small(), config, model: { model_type } }, 'Cats')).toEqual(ids);
  });

  it('is model_input_names: types of tokens are given where they are among them', async () => {
    const tokenizer = small({
      post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
    });
    const typesFor = async (config: object) =>
      (await buildTokenizer({ tokenizer, config }, 'here').encode(['cat'], ['dog'])).typeIds?.map((each) => [...each]);
    expect(await typesFor(plain)).toBeUndefined();
    expect(await typesFor({ ...plain, model_input_names: ['input_ids', 'token_type_ids', 'attention_mask'] })).toEqual([
      [0, 0, 0, 1, 1],
    ]);
    expect(await typesFor({ tokenizer_class: 'BertTokenizer' })).toEqual([[0, 0, 0, 1, 1]]);
    expect(await typesFor({ tokenizer_class: 'DistilBertTokenizer' })).toBeUndefined();
  });

  it('is single_word of an added token', async () => {
    const cat = {
      id: 5,
      content: 'cat',
      single_word: true,
      lstrip: false,
      rstrip: false,
      normalized: true,
      special: false,
    };
    const tokenizer = small({ added_tokens: [cat] });
    expect(await encoded({ tokenizer, config: plain }, 'cats cat')).toEqual([5, 6, 5]);
    const anywhere = small({ added_tokens: [{ ...cat, single_word: false }] });
    expect(await encoded({ tokenizer: anywhere, config: plain }, 'cats cat')).toEqual([5, 1, 5]);
  });
});

describe('a text', () => {
  it('of 300,000 letters without a space is read', async () => {
    const { ids } = await buildTokenizer({ tokenizer: small(), config: plain }, 'here').encode(['a'.repeat(300_000)]);
    expect([...ids[0]!]).toEqual([1]);
  });

  it('with half a surrogate pair is read as one with U+FFFD', async () => {
    const tokenizer = small({ normalizer: null });
    expect(await encoded({ tokenizer, config: plain }, 'cat \ud83d')).toEqual([5, 9]);
  });

  it('with a token that the model has no row for is refused', async () => {
    const tokenizer = buildTokenizer({ tokenizer: small(), config: plain }, 'tokenizer.json');
    await expect(tokenizer.encode(['cat', 'dog'], undefined, { rows: 7 })).rejects.toThrow(
      `tokenizer.json: the token "dog" has id 7, the model's table of tokens 7 rows; it is in the text "dog"`,
    );
  });

  it('is read with its own limit when several are read at once', async () => {
    const tokenizer = buildTokenizer({ tokenizer: small(), config: plain }, 'here');
    const lengths = [1, 5, 2, 9];
    const rows = await Promise.all(
      lengths.map((maxLength) => tokenizer.encode(['cat '.repeat(20)], undefined, { maxLength })),
    );
    expect(rows.map(({ ids }) => ids[0]!.length)).toEqual(lengths);
    expect(rows.map(({ truncated }) => truncated)).toEqual([1, 1, 1, 1]);
  });
});

describe('a token of the class alone', () => {
  it('is none of the size that a model must have, and no special id', async () => {
    const vocab = { '[PAD]': 0, '[UNK]': 1, '[CLS]': 2, '[SEP]': 3, cat: 4 };
    const config = { tokenizer_class: 'BertTokenizer' };
    const tokenizer = buildTokenizer({ tokenizer: small({}, { vocab }), config }, 'here');
    expect(tokenizer.vocabularySize).toBe(5);
    expect(tokenizer.special.mask).toBeUndefined();
    expect(tokenizer.special.sep).toBe(3);
  });

  it('an id of a file counts, however large', () => {
    const tokenizer = buildTokenizer(
      { tokenizer: small({}, { vocab: { ...words, far: 999_999_999 } }), config: plain },
      'here',
    );
    expect(tokenizer.vocabularySize).toBe(1_000_000_000);
    expect(tokenizer.tokenOf(999_999_999)).toBe('far');
  });
});

describe('as settings of a tokenizer are refused', () => {
  it.each([
    [
      { split_special_tokens: true },
      'split_special_tokens splits special tokens that stand in a text, which is not done here',
    ],
    [{ fix_mistral_regex: true }, 'fix_mistral_regex'],
    [{ auto_map: { AutoTokenizer: [null, 'tokenization_mine.MyTokenizer'] } }, 'auto_map is code of its own'],
    [{ init_inputs: [1] }, 'init_inputs'],
    [{ fast_tokenizer_files: ['tokenizer.4.0.0.json', 'tokenizer.json'] }, 'fast_tokenizer_files names other files'],
    [{ padding_side: 'top' }, 'padding_side is "top"'],
    [{ model_input_names: ['input_ids'] }, 'model_input_names has no attention_mask'],
    [
      { tokenizer_class: 'CodeLlamaTokenizerFast' },
      'tokenizer_class CodeLlamaTokenizer makes its tokenizer by rules of its own',
    ],
    [
      { tokenizer_class: 'T5Tokenizer' },
      'is a tokenizer of the kind WordPiece, its class T5Tokenizer makes one of the kind Unigram',
    ],
  ])('%o', (config, message) => {
    expect(() => buildTokenizer({ tokenizer: small(), config }, 'tokenizer.json')).toThrow(message);
    expect(() => buildTokenizer({ tokenizer: small(), config }, 'tokenizer.json')).toThrow(UserError);
  });

  it.each([
    [small({}, { type: 'BPE', merges: [], dropout: 0.1 }), 'model.dropout is 0.1'],
    [
      small({ post_processor: { type: 'Sequence', processors: [twoTexts, twoTexts] } }),
      'has a post_processor that is not known here: Sequence',
    ],
    [
      small({ pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated', invert: false } }),
      "can't be used as a tokenizer",
    ],
    [small({}, { vocab: { a: -1 } }), "can't be used as a tokenizer"],
    [small({}, { vocab: { a: 'b' } }), "can't be used as a tokenizer"],
  ])('of tokenizer.json, case %#', (tokenizer, message) => {
    expect(() => buildTokenizer({ tokenizer, config: plain }, 'tokenizer.json')).toThrow(message);
  });

  it('a tokenizer whose unknown token is not in its vocabulary, when it is needed', async () => {
    const tokenizer = buildTokenizer(
      { tokenizer: small({}, { unk_token: '[none]' }), config: plain },
      'tokenizer.json',
    );
    await expect(tokenizer.encode(['bird'])).rejects.toThrow("tokenizer.json: can't encode a text: WordPiece error");
  });
});

describe('as pieces of a tokenizer are refused', () => {
  const folderWith = async (files: Readonly<Record<string, string>>) => {
    const folder = join(
      await file('folders', ''),
      '..',
      `${Object.keys(files).join('-')}-${Math.abs(hash(JSON.stringify(files)))}`,
    );
    await mkdir(folder, { recursive: true });
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    return folder;
  };
  const hash = (text: string) => [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) | 0, 7);

  it.each([
    [
      { 'vocab.json': '{"a":0}', 'merges.txt': 'a b c\n', 'config.json': '{"model_type":"gpt2"}' },
      'merges.txt: line 1 is not two pieces with a space between them',
    ],
    [
      { 'vocab.json': '["a"]', 'merges.txt': '', 'config.json': '{"model_type":"gpt2"}' },
      'vocab.json: is not a vocabulary',
    ],
    [{ 'vocab.json': '{', 'merges.txt': '', 'config.json': '{"model_type":"gpt2"}' }, 'vocab.json: is not JSON'],
    [
      { 'vocab.json': '{"a":0}', 'config.json': '{"model_type":"gpt2"}' },
      'The folder has vocab.json, a GPT2Tokenizer is made of vocab.json and merges.txt',
    ],
    [
      { 'spiece.model': 'no model', 'config.json': '{"model_type":"t5"}' },
      'spiece.model: is not a SentencePiece model',
    ],
    [
      { 'spiece.model': '', 'config.json': '{"model_type":"t5"}' },
      'spiece.model: is not a SentencePiece model: it has no pieces',
    ],
    [
      { 'tokenizer.model': '', 'config.json': '{"model_type":"mistral"}' },
      'The folder has tokenizer.model; write tokenizer.json',
    ],
  ])('%o', async (files, message) => {
    expect((await refusalOf(openTokenizer(await folderWith(files)))).message).toContain(message);
  });

  it('bytes that are no text', async () => {
    const folder = await folderWith({ 'config.json': '{"model_type":"bert"}' });
    await writeFile(join(folder, 'vocab.txt'), Buffer.from([0xff, 0xfe, 0]));
    expect((await refusalOf(openTokenizer(folder))).message).toContain('vocab.txt: is not text in UTF-8');
  });

  it('a SentencePiece model that is cut off', async () => {
    const bytes = await readFile(fixturePath(...resolved('t5-model', 'spiece.model')));
    const folder = await folderWith({ 'config.json': '{"model_type":"t5"}' });
    await writeFile(join(folder, 'spiece.model'), bytes.subarray(0, 1001));
    expect((await refusalOf(openTokenizer(folder))).message).toContain('spiece.model: is not a SentencePiece model');
  });
});
