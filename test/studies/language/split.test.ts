import { describe, expect, it } from 'vitest';
import { drawPerLabel, splitDocuments } from '../../../studies/language/split.ts';

const documents = Array.from({ length: 400 }, (_, index) => ({
  text: `text ${index}`,
  label: index % 40 === 0 ? 'rare' : index % 2 === 0 ? 'even' : 'odd',
  source: `source ${Math.floor(index / 3)}`,
}));
const options = { minimum: 50, validation: 40, test: 60, seed: 1 };

describe('splitDocuments', () => {
  const { labels, training, validation, test } = splitDocuments(documents, options);
  const sourcesOf = (side: typeof training) => new Set(side.map(({ source }) => source));

  it('fills the sets, and keeps the documents of a source together', () => {
    expect(test.length).toBeGreaterThanOrEqual(60);
    expect(validation.length).toBeGreaterThanOrEqual(40);
    expect(test.length + validation.length).toBeLessThan(106);
    for (const [one, other] of [
      [training, validation],
      [training, test],
      [validation, test],
    ] as const) {
      expect([...sourcesOf(one)].filter((source) => sourcesOf(other).has(source))).toEqual([]);
    }
  });

  it('tells frequent labels apart, and leaves the others to pre-training', () => {
    expect(labels).toEqual(['even', 'odd']);
    expect([...test, ...validation].some(({ label }) => label === 'rare')).toBe(false);
    expect(training.some(({ label }) => label === 'rare')).toBe(true);
  });

  it('follows from the seed', () => {
    expect(splitDocuments(documents, options).test).toEqual(test);
    expect(splitDocuments(documents, { ...options, seed: 2 }).test).not.toEqual(test);
  });

  it('fewer documents a label are a part of more', () => {
    const [few, more] = [4, 10].map((count) => drawPerLabel({ training, labels }, count, 7));
    expect([few!.length, more!.length]).toEqual([8, 20]);
    expect(more).toEqual(expect.arrayContaining(few!));
    expect(drawPerLabel({ training, labels }, 4, 8)).not.toEqual(few);
    const all = drawPerLabel({ training, labels }, 1000, 7);
    expect(all).toHaveLength(training.filter(({ label }) => label !== 'rare').length);
  });
});
