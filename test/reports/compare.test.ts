import { describe, expect, test } from 'vitest';
import { compareRuns, formatComparison } from '../../shared/reports/compare.ts';
import type { RunReport } from '../../shared/reports/report-input.ts';
import { madeUpRun } from './made-up-runs.ts';

const withBest = (run: RunReport, value: number): RunReport => ({ ...run, best: { epoch: 2, value } });
const plain = withBest(madeUpRun({ name: 'plain', epochs: 3 }), 0.04);
const balanced = withBest(madeUpRun({ name: 'balanced', balanced: true, epochs: 3 }), 0.05);

describe('compareRuns', () => {
  test('names the run with the lower error, also when that is the plain one', () => {
    expect(compareRuns([plain, balanced]).winner).toBe('plain');
    expect(compareRuns([plain, withBest(balanced, 0.03)]).winner).toBe('balanced');
  });

  test('prefers the higher value of a score', () => {
    const scored = [plain, balanced].map((run) => ({
      ...run,
      metric: { name: 'accuracy', direction: 'higher' as const },
    }));
    expect(compareRuns(scored).winner).toBe('balanced');
  });

  test('measures differences in percent of the first run and of epoch 0', () => {
    const [first, second] = compareRuns([plain, balanced]).runs;
    expect(first!.changeFromFirst).toBeNull();
    expect(second!.changeFromFirst).toBeCloseTo(25, 10);
    expect(first!.baseline).toBe(plain.epochs[0]!.metrics.nrmse);
    expect(first!.changeFromBaseline).toBeCloseTo(100 * (0.04 / first!.baseline! - 1), 10);
  });

  test('gives the spread of alpha at the first and the last analysis', () => {
    const [run] = compareRuns([balanced]).runs;
    expect(run!.alphaStd).toEqual({
      first: balanced.epochs[0]!.spectra!.summary.alphaStd,
      last: balanced.epochs.at(-1)!.spectra!.summary.alphaStd,
    });
  });

  test('declares a tie where the best values are equal', () => {
    const comparison = compareRuns([plain, withBest(balanced, 0.04)]);
    expect(comparison).toMatchObject({ tie: true, winner: null });
  });

  test('ranks nothing when the metrics differ or only one run has a best epoch', () => {
    const other = { ...balanced, metric: { name: 'rmse', direction: 'lower' as const } };
    expect(compareRuns([plain, other])).toMatchObject({ metric: null, winner: null, tie: false });
    expect(compareRuns([plain, { ...balanced, best: null }])).toMatchObject({ winner: null, tie: false });
    expect(compareRuns([])).toMatchObject({ metric: null, runs: [], winner: null });
  });

  test('warns of what makes the runs unlike', () => {
    const unlike: RunReport = {
      ...madeUpRun({ name: 'other', epochs: 5, seed: 37 }),
      dataset: { ...plain.dataset, sha256: 'other' },
      status: 'diverged',
    };
    const text = compareRuns([plain, unlike]).caveats.join('\n');
    expect(text).toContain('same data file');
    expect(text).toContain('same number of epochs');
    expect(text).toContain('“other” did not end normally (diverged)');
    expect(text).toContain('different seeds');
  });
});

describe('formatComparison', () => {
  test('prints a table and says who won by how much', () => {
    const text = formatComparison(compareRuns([plain, balanced]));
    expect(text).toMatch(/^run +best +epoch/);
    expect(text).toContain('“plain” did better than “balanced”: best nrmse 0.04000 against 0.05000 (20.0 % lower).');
    expect(text).toContain('may be chance');
  });

  test('prints one run without a verdict', () => {
    const text = formatComparison(compareRuns([plain]));
    expect(text.split('\n')).toHaveLength(2);
  });
});
