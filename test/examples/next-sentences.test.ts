import { expect, it } from 'vitest';
import { sentencePairs } from '../../examples/next-sentences.ts';
import { pretrainingTexts } from '../../examples/topics/pretraining.ts';

const texts = pretrainingTexts('held out');

it('a text goes on with its own second half, or with that of another one, about as often', () => {
  const pairs = sentencePairs(texts, 1, 'test');
  expect(pairs).toHaveLength(texts.length);
  for (const [index, { text, pair, label }] of pairs.entries()) {
    expect(texts[index]!.startsWith(text)).toBe(true);
    expect(texts.some((other) => other.endsWith(pair))).toBe(true);
    expect(texts[index] === `${text} ${pair}`).toBe(label === 'next');
  }
  const next = pairs.filter(({ label }) => label === 'next').length / pairs.length;
  expect(next).toBeGreaterThan(0.4);
  expect(next).toBeLessThan(0.6);
});

it('pairs follow from the seed and what they are for', () => {
  expect(sentencePairs(texts, 1, 'test')).toEqual(sentencePairs(texts, 1, 'test'));
  expect(sentencePairs(texts, 2, 'test')).not.toEqual(sentencePairs(texts, 1, 'test'));
  expect(sentencePairs(texts, 1, 'other')).not.toEqual(sentencePairs(texts, 1, 'test'));
});
