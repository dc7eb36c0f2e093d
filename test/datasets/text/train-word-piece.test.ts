import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { PairQueue } from '../../../shared/datasets/text/pair-queue.ts';
import { buildTokenizer } from '../../../shared/datasets/text/tokenizer.ts';
import { trainWordPiece } from '../../../shared/datasets/text/train-word-piece.ts';
import { fixturePath, readJsonFixture } from '../../support/fixtures.ts';

async function corpus(): Promise<string[]> {
  const { texts } = await readJsonFixture<{ texts: { text: string }[] }>('tokenizers', 'word-piece', 'golden.json');
  const rows = (await readFile(fixturePath('text', 'topic_keywords.jsonl'), 'utf8')).trim().split('\n');
  return [...texts.map(({ text }) => text), ...rows.map((row) => JSON.parse(row).text as string)];
}

const piecesOf = (
  texts: readonly string[],
  options: { vocabularySize: number; minFrequency?: number; lowercase?: boolean },
) => {
  const { tokenizer } = trainWordPiece(texts, options) as { tokenizer: { model: { vocab: Record<string, number> } } };
  const { vocab } = tokenizer.model;
  return Object.keys(vocab).toSorted((a, b) => vocab[a]! - vocab[b]!);
};

describe('a trained WordPiece tokenizer', () => {
  it('is the one that Python tokenizers was tried with, and encodes alike', async () => {
    const files = trainWordPiece(await corpus(), { vocabularySize: 400 });
    expect(files.tokenizer).toEqual(await readJsonFixture('tokenizers', 'trained', 'tokenizer.json'));
    expect(files.config).toEqual(await readJsonFixture('tokenizers', 'trained', 'tokenizer_config.json'));

    const tokenizer = buildTokenizer(files, 'trained');
    expect(tokenizer.special).toMatchObject({ pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 });
    expect(tokenizer.vocabularySize).toBe(400);
    for (const { text, ids } of await readJsonFixture<{ text: string; ids: number[] }[]>(
      'tokenizers',
      'trained',
      'golden.json',
    )) {
      expect([...(await tokenizer.encode([text])).ids[0]!], text).toEqual(ids);
    }
  });

  it('does not depend on the order of the texts', async () => {
    const texts = await corpus();
    expect(piecesOf(texts.toReversed(), { vocabularySize: 300 })).toEqual(piecesOf(texts, { vocabularySize: 300 }));
  });

  it('merges the most frequent pairs first, and those that occur often enough', () => {
    const texts = ['ab ab ab ac', 'abd abd'];
    const start = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'b', 'c', 'd', '##b', '##d', '##c'];
    const pieces = piecesOf(texts, { vocabularySize: 100 });
    expect(pieces.slice(0, start.length).toSorted()).toEqual(start.toSorted());
    expect(pieces.slice(start.length)).toEqual(['ab', 'abd']);
    expect(piecesOf(texts, { vocabularySize: 100, minFrequency: 1 }).slice(start.length)).toEqual(['ab', 'abd', 'ac']);
    expect(piecesOf(texts, { vocabularySize: start.length + 1 }).slice(start.length)).toEqual(['ab']);
  });

  it('merges overlapping pairs from the left', () => {
    expect(piecesOf(['aaaaa', 'aaaaa'], { vocabularySize: 100 }).slice(7)).toEqual(['##aa', 'aaa', 'aaaaa']);
  });

  it('keeps case and accents where it is told to', () => {
    expect(piecesOf(['É'], { vocabularySize: 100, lowercase: false })).toContain('É');
    expect(piecesOf(['É'], { vocabularySize: 100 })).toContain('e');
  });

  it('needs room for the characters', () => {
    expect(() => trainWordPiece(['abc'], { vocabularySize: 6 })).toThrow(
      '6 pieces are too few: special tokens and characters alone are 10\n  Use 10 or more.',
    );
  });
});

describe('a queue of pairs', () => {
  it('gives the most frequent by present counts, and of equals the earlier', () => {
    const queue = new PairQueue();
    queue.add(1, 2, 5);
    queue.add(0, 9, 3);
    queue.add(0, 8, 3);
    queue.add(2, 2, 7);
    queue.add(2, 2, -6);
    expect(queue.take(2)).toMatchObject({ first: 1, second: 2 });
    queue.add(1, 2, -5);
    expect(queue.take(2)).toMatchObject({ first: 0, second: 8 });
    expect(queue.take(2)).toMatchObject({ first: 0, second: 9 });
    expect(queue.take(2)).toBeUndefined();
    queue.add(2, 2, 1);
    expect(queue.take(2)).toMatchObject({ first: 2, second: 2 });
  });
});
