import { describe, expect, test } from 'vitest';
import { renderComparisonText } from '../../../shared/reports/comparison/text.ts';
import { madeUpComparison, nothingDone } from '../../support/comparison.ts';

const widest = (text: string) => Math.max(...text.split('\n').map(({ length }) => length));

describe('the text of a comparison', () => {
  test('begins with the headline and ends with what to take', () => {
    const made = madeUpComparison({ arms: ['plain', 'published'], sizes: [null], noise: 0.01, epochs: 2 });
    const text = renderComparisonText(made);
    expect(text.split('\n')[0]).toBe(made.judgement.headline);
    expect(text).toMatch(
      /\nSettings to take: “published” with learningRate 0\.003\.\s[\s\S]*\sRun\sfile:\swinner\.yaml$/,
    );
    expect(text).toMatch(/^arm {8}seeds {2}nrmse +learningRate {2}change \(%\) {2}95 % interval +p +verdict$/m);
    expect(text).toContain('On test data, by nrmse (lower is better):');
    expect(text).toMatch(/^plain {6}10 .* reference$/m);
    expect(text).toMatch(/^published {2}10 .* −\d\.\d to −\d\.\d +< 0\.001 {2}helps$/m);
    expect(text).not.toContain('rests on');
  });

  test.each([
    ['two sizes', madeUpComparison({ epochs: 2 })],
    ['long names', madeUpComparison({ arms: ['plain', `balanced-${'x'.repeat(60)}`], epochs: 2 })],
    ['nothing tuned', madeUpComparison({ values: [], epochs: 2 })],
    ['accuracies', madeUpComparison({ unit: 'points', epochs: 2 })],
    ['a budget that was spent', nothingDone()],
    ['an edge', madeUpComparison({ bestAt: 1.2, epochs: 2 })],
  ])('is at most 100 columns wide: %s', (_, made) => {
    expect(widest(renderComparisonText(made))).toBeLessThanOrEqual(100);
  });

  test('says what it rests on', () => {
    const made = madeUpComparison({
      sizes: [null],
      epochs: 2,
      outcome: ({ tried }) => (tried === 0.03 ? 'diverged' : undefined),
    });
    expect(renderComparisonText(made)).toContain(
      'What this rests on:\n- 21 tuning runs diverged: tuning-plain-lr0.03-seed101',
    );
    expect(renderComparisonText(nothingDone())).toContain(
      '- The budget of 2 hours was spent before any run could be done.',
    );
  });

  test('counts what it leaves out', () => {
    const made = madeUpComparison({ sizes: [null], epochs: 2 });
    const basis = Array.from({ length: 13 }, (_, index) => `Remark ${index + 1}.`);
    const text = renderComparisonText({ ...made, judgement: { ...made.judgement, basis } });
    expect(text).toContain('- Remark 10.\n- 3 more remarks, which the page has\n');
  });

  test('tells sizes apart', () => {
    const text = renderComparisonText(madeUpComparison({ sizes: [8, 16], epochs: 2, noise: 0.01 }));
    expect(text).toMatch(/^8 training rows\narm /m);
    expect(text).toMatch(/^- 16 training rows: published helps/m);
    expect(text.replaceAll('\n', ' ')).toContain('winner-16.yaml (16 training rows)');
  });
});
