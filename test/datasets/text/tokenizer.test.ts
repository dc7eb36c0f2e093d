import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BrokenInputError, UserError } from '../../../shared/core/errors.ts';
import { buildTokenizer, openTokenizer } from '../../../shared/datasets/text/tokenizer.ts';
import { truncatedLengths } from '../../../shared/datasets/text/truncate.ts';
import { fixturePath, readJsonFixture } from '../../support/fixtures.ts';
import { refusalOf, scratchFolder } from '../../support/text.ts';

interface Golden {
  texts: { text: string; ids: number[]; decoded: string }[];
  pairs: { pair: [string, string]; ids: number[]; typeIds: number[] }[];
  truncated: { maxLength: number; side: string; texts: string[]; ids: number[]; typeIds: number[] }[];
}

const names = ['word-piece', 'word-piece-cased', 'byte-bpe', 'byte-bpe-gpt2', 'byte-fallback-bpe', 'unigram'];
const folderOf = (name: string) => fixturePath('tokenizers', name);
const open = (name: string) => openTokenizer(folderOf(name));
/** Of every kind, with the types of tokens, which some kinds of models are not given. */
async function openWithTypes(name: string, settings: object = {}) {
  const tokenizer = await readJsonFixture('tokenizers', name, 'tokenizer.json');
  const config = await readJsonFixture<object>('tokenizers', name, 'tokenizer_config.json');
  const names = { model_input_names: ['input_ids', 'token_type_ids', 'attention_mask'] };
  return buildTokenizer({ tokenizer, config: { ...config, ...names, ...settings } }, 'tokenizer.json');
}
const readGolden = (name: string) => readJsonFixture<Golden>('tokenizers', name, 'golden.json');
const file = scratchFolder();

describe.each(names)('the tokenizer %s', (name) => {
  it('encodes awkward texts as Python tokenizers does, and decodes them', async () => {
    const [tokenizer, { texts }] = await Promise.all([open(name), readGolden(name)]);
    const { ids, typeIds, truncated } = await tokenizer.encode(texts.map(({ text }) => text));
    expect(typeIds).toBeUndefined();
    expect(truncated).toBe(0);
    for (const [index, { text, ids: expected, decoded }] of texts.entries()) {
      expect([...ids[index]!], text).toEqual(expected);
      expect(await tokenizer.decode(ids[index]!), text).toBe(decoded);
    }
  });

  it('encodes pairs, with the type of each token', async () => {
    const [tokenizer, { pairs }] = await Promise.all([openWithTypes(name), readGolden(name)]);
    for (const { pair, ids, typeIds } of pairs) {
      const encoded = await tokenizer.encode([pair[0]], [pair[1]]);
      expect([...encoded.ids[0]!]).toEqual(ids);
      expect([...(encoded.typeIds?.[0] ?? ids.map(() => 0))]).toEqual(typeIds);
    }
  });

  it('cuts the longer text of a pair first, at the side of the settings', async () => {
    const { truncated } = await readGolden(name);
    for (const { maxLength, side, texts, ids, typeIds } of truncated) {
      const tokenizer = await openWithTypes(name, { truncation_side: side });
      const [text, pair] = texts as [string, string?];
      const encoded = await tokenizer.encode([text], pair === undefined ? undefined : [pair], { maxLength });
      expect([...encoded.ids[0]!], `${maxLength} ${side} ${texts.join(' | ')}`).toEqual(ids);
      expect([...(encoded.typeIds?.[0] ?? ids.map(() => 0))]).toEqual(typeIds);
    }
  });
});

describe('a tokenizer', () => {
  it('knows its special tokens and the size of its vocabulary', async () => {
    const bert = await open('word-piece');
    expect(bert.special).toEqual({ pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 });
    expect([...bert.specialIds].toSorted()).toEqual([0, 1, 2, 3, 4]);
    const { model } = await readJsonFixture<{ model: { vocab: object } }>('tokenizers', 'word-piece', 'tokenizer.json');
    expect(bert.vocabularySize).toBe(Object.keys(model.vocab).length);
    expect(bert.padId).toBe(0);
    expect((await open('byte-bpe')).padId).toBe(1);
  });

  it('without a padding token pads with the one that ends a text', async () => {
    const gpt2 = await open('byte-bpe-gpt2');
    expect(gpt2.special.pad).toBeUndefined();
    expect(gpt2.padId).toBe(gpt2.special.eos);
  });

  it('takes names of special tokens from either file, and the side of the padding', async () => {
    const tokenizer = await readJsonFixture('tokenizers', 'word-piece', 'tokenizer.json');
    const specialTokens = { pad_token: { content: '[PAD]', lstrip: false }, mask_token: '[MASK]' };
    const built = buildTokenizer({ tokenizer, specialTokens, config: { padding_side: 'left' } }, 'here');
    expect(built.special).toEqual({ pad: 0, mask: 4 });
    expect(built.paddingSide).toBe('left');
    expect(buildTokenizer({ tokenizer }, 'here').paddingSide).toBe('right');
  });

  it('counts the texts that it cuts', async () => {
    const { ids, truncated } = await (await open('word-piece')).encode(['one two three four', 'a'], undefined, {
      maxLength: 4,
    });
    expect(ids.map(({ length }) => length)).toEqual([4, 3]);
    expect(truncated).toBe(1);
  });

  it.each([
    // Of Python `tokenizers` 0.23.2, by `enable_truncation(12)`.
    [11, 10, 5, 4],
    [10, 11, 4, 5],
    [13, 12, 4, 5],
    [60, 12, 4, 5],
  ])('leaves of pairs of %i and %i tokens that are cut to 12 what Python does: %i and %i', async (a, b, text, pair) => {
    const { typeIds } = await (await open('word-piece')).encode(['a '.repeat(a)], ['a '.repeat(b)], { maxLength: 12 });
    expect([...typeIds![0]!].filter((type) => type === 1)).toHaveLength(pair + 1);
    expect(typeIds![0]).toHaveLength(text + pair + 3);
  });

  it('refuses a length without room for text', async () => {
    const bert = await open('word-piece');
    await expect(bert.encode(['a'], undefined, { maxLength: 2 })).rejects.toThrow(
      '2 tokens leave no room for text beside 2 special ones\n  Use at least 3.',
    );
    await expect(bert.encode(['a'], ['b'], { maxLength: 4 })).rejects.toThrow('Use at least 5.');
  });

  it('decodes nothing to nothing', async () => {
    expect(await (await open('word-piece')).decode([])).toBe('');
  });
});

describe('lengths of a pair', () => {
  it('are cut as far as they must be, the longer first', () => {
    expect(truncatedLengths([3, 4], 7)).toEqual([3, 4]);
    expect(truncatedLengths([3, 10], 7)).toEqual([3, 4]);
    expect(truncatedLengths([10, 3], 7)).toEqual([4, 3]);
    expect(truncatedLengths([10, 10], 7)).toEqual([3, 4]);
    expect(truncatedLengths([10, 9], 7)).toEqual([4, 3]);
    expect(truncatedLengths([10], 7)).toEqual([7]);
  });
});

describe('as a tokenizer are refused', () => {
  it('a folder without tokenizer.json, with what to do where it has another form', async () => {
    const folder = join(dirname(await file('unused', '')), 'model');
    await mkdir(folder, { recursive: true });
    expect((await refusalOf(openTokenizer(folder))).message).toContain(
      'there is no such file\n  Put the tokenizer.json of the model into the folder.',
    );
    await file('model/vocab.txt', '[PAD]');
    expect((await refusalOf(openTokenizer(folder))).message).toContain(
      'The folder has vocab.txt; write tokenizer.json',
    );
  });

  it('a damaged file', async () => {
    const folder = dirname(await file('tokenizer.json', '{"model":'));
    const error = await refusalOf(openTokenizer(folder));
    expect(error).toBeInstanceOf(BrokenInputError);
    expect(error.message).toContain('tokenizer.json: is not JSON');
  });

  it('kinds and parts that are not known', () => {
    const build = (tokenizer: unknown) => () => buildTokenizer({ tokenizer }, 'tokenizer.json');
    expect(build({ model: { type: 'Words', vocab: {} } })).toThrow(
      'tokenizer.json: is a tokenizer of the kind Words\n  Usable are: WordPiece, BPE, Unigram, WordLevel.',
    );
    expect(build({ model: { type: 'WordPiece' } })).toThrow('has no vocabulary');
    expect(build([])).toThrow(UserError);
    const model = { type: 'WordPiece', vocab: { '[UNK]': 0 }, unk_token: '[UNK]' };
    expect(build({ model, pre_tokenizer: { type: 'Odd' } })).toThrow("can't be used as a tokenizer");
    expect(build({ model, pre_tokenizer: { type: 'Odd' } })).toThrow(UserError);
  });
});
