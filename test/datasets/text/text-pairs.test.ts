import { describe, expect, it } from 'vitest';
import { countPairs, makePairs } from '../../../shared/datasets/text/text-pairs.ts';

/** Three texts of one label, two of another: 6 + 3 pairs of a label, a text with itself among them, and 6 of others. */
const labels = Int32Array.of(0, 1, 0, 1, 0);

const made = (options: Omit<Parameters<typeof makePairs>[1], 'seed'>, seed = 1) => {
  const { first, second, similar } = makePairs(labels, { ...options, seed });
  return Array.from(first, (place, at) => ({
    pair: `${place}-${second[at]}`,
    place,
    other: second[at]!,
    is: similar[at]!,
  }));
};

describe('pairs of labelled texts', () => {
  it.each([
    ['unique', 9, 6],
    ['undersampling', 6, 6],
    ['oversampling', 9, 9],
  ] as const)('%s: %i of one label, %i of others', (sampling, alike, unlike) => {
    const pairs = made({ sampling });
    const ofKind = (is: number) => pairs.filter((each) => each.is === is);
    expect([ofKind(1).length, ofKind(0).length]).toEqual([alike, unlike]);
    expect(countPairs(labels, { sampling })).toBe(pairs.length);
    for (const { place, other, is } of pairs) expect(labels[place] === labels[other]).toBe(is === 1);
    expect(new Set(ofKind(1).map(({ pair }) => pair)).size).toBe(Math.min(alike, 9));
    expect(new Set(ofKind(0).map(({ pair }) => pair)).size).toBe(Math.min(unlike, 6));
  });

  it('are bounded, half of each kind', () => {
    const pairs = made({ sampling: 'oversampling', maxPairs: 7 });
    expect(pairs.map(({ is }) => is)).toEqual([1, 0, 1, 0, 1, 0]);
    expect(new Set(pairs.map(({ pair }) => pair)).size).toBe(6);
  });

  it('are those of the seed', () => {
    const options = { sampling: 'undersampling' } as const;
    expect(made(options, 3)).toEqual(made(options, 3));
    expect(made(options, 3)).not.toEqual(made(options, 4));
  });
});
