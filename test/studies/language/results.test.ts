import { describe, expect, it } from 'vitest';
import { accuracyFigure, markdownTable, summarise } from '../../../studies/language/results.ts';

const run = (last: number | null, alpha = 2) => ({
  before: 0.1,
  last,
  best: last,
  alphaSpread: { first: alpha, last: alpha / 2 },
  seconds: 1,
  diverged: last === null,
});
const level = {
  perLabel: 4,
  rows: 24,
  share: 0.0125,
  rate: { plain: 1e-3, balanced: 5e-4 },
  runs: { plain: [run(0.5), run(0.6), run(0.7)], balanced: [run(0.5, 4), run(0.7), run(0.9)] },
};

describe('summarise', () => {
  it('has means, spreads and the test of the pairs', () => {
    const { plain, balanced, difference } = summarise(level);
    expect(plain.mean).toBeCloseTo(0.6, 12);
    expect(plain.standardDeviation).toBeCloseTo(0.1, 12);
    expect(balanced.alphaSpread.first).toBeCloseTo(8 / 3, 12);
    expect(difference).toMatchObject({ pairs: 3 });
    expect(difference.meanDifference).toBeCloseTo(0.1, 12);
  });

  it('counts a run that diverged as never right', () => {
    const { plain } = summarise({ ...level, runs: { ...level.runs, plain: [run(0.5), run(0.7), run(null)] } });
    expect(plain.mean).toBeCloseTo(0.4, 12);
  });
});

it('the table has a row for each level', () => {
  expect(markdownTable([level]).split('\n')[2]).toBe(
    '| 4 | 24 (1.3 %) | 0.001 | 0.600 ± 0.100 | 2.00 → 1.00 | 0.0005 | 0.700 ± 0.200 | 2.67 → 1.33 | 0.1000 | 0.225 |',
  );
});

it('the picture has a dot for each run, and names each level', () => {
  const svg = accuracyFigure([level, { ...level, perLabel: 16 }]);
  expect(svg.match(/<circle/g)).toHaveLength(12);
  const labels = [
    ...accuracyFigure([4, 16, 64, 256].map((perLabel) => ({ ...level, perLabel }))).matchAll(/>(\d+)<\/text>/g),
  ];
  expect(labels.map(([, text]) => text)).toEqual(['4', '16', '64', '256']);
  expect(svg).toContain('xmlns="http://www.w3.org/2000/svg"');
});
