import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { csvOf, generateTexts, labelledTexts, topicNames } from '../../../examples/topics/corpus.ts';

const options = { count: 120, sentences: 2, seed: 3, purpose: 'test' };
const wordsOf = (text: string) => text.replaceAll('.', '').split(' ');

describe('generateTexts', () => {
  it('gives a text that depends on the seed, the purpose and its number alone', () => {
    const all = generateTexts(options);
    expect(generateTexts({ ...options, count: 7 })).toEqual(all.slice(0, 7));
    expect(generateTexts({ ...options, seed: 4 })).not.toEqual(all);
    expect(generateTexts({ ...options, purpose: 'other' })).not.toEqual(all);
  });

  it('has as many texts of every topic, without slots that were left open', () => {
    const texts = generateTexts(options);
    const counts = Map.groupBy(texts, ({ topic }) => topic);
    expect([...counts.keys()]).toEqual(topicNames);
    for (const group of counts.values()) expect(group).toHaveLength(20);
    for (const { text } of texts) expect(text).toMatch(/^([a-z ]+\. )[a-z ]+\.$/);
  });

  it('has words of one topic, words of two, and words of all', () => {
    const topics = new Map<string, Set<string>>();
    for (const { text, topic } of generateTexts({ ...options, count: 3000 })) {
      for (const word of wordsOf(text)) topics.set(word, (topics.get(word) ?? new Set()).add(topic));
    }
    const shares = [...topics.values()].map(({ size }) => size);
    expect(new Set(shares)).toEqual(new Set([1, 2, 6]));
    expect(shares.filter((size) => size === 2)).toHaveLength(15);
  });
});

it.each(Object.entries(labelledTexts()))('the committed %s is what the generator writes', async (name, texts) => {
  const path = new URL(`../../../examples/topics/${name}`, import.meta.url);
  expect(await readFile(path, 'utf8')).toBe(csvOf(texts));
});
