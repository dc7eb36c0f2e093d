import { describe, expect, it } from 'vitest';
import { isSameRun } from '../../../shared/decisions/comparison/design.ts';
import { nextRuns } from '../../../shared/decisions/comparison/next-runs.ts';
import { arm, madeUpDesign, nameOf, playOut, resultOf, tunedBy } from './made-up-comparison.ts';

const rates = [0.001, 0.01];
const design = madeUpDesign({
  sizes: [8, 16],
  tuned: tunedBy(rates, 1),
  seeds: { tuning: [101, 102], test: [1, 2] },
});

describe('the next runs', () => {
  it('are those of the grid first, size by size and seed by seed', () => {
    const { round, runs } = nextRuns(design, []);
    expect(round).toBe('tuning');
    expect(runs).toHaveLength(2 * 2 * 2 * 2);
    expect(runs.slice(0, 5).map(nameOf)).toEqual([
      'tuning-plain-8-0.001-101',
      'tuning-balanced-8-0.001-101',
      'tuning-plain-8-0.01-101',
      'tuning-balanced-8-0.01-101',
      'tuning-plain-8-0.001-102',
    ]);
  });
  it('are those that are left, whatever the others came to', () => {
    const all = nextRuns(design, []).runs;
    const some = all
      .slice(0, 3)
      .map((plan, index) => resultOf(plan, { status: (['failed', 'skipped', 'diverged'] as const)[index]! }));
    expect(nextRuns(design, some).runs).toEqual(all.slice(3));
  });
  it('are those of the extended grid, then test runs at each best value, then none', () => {
    const rounds: string[] = [];
    const results = playOut(design, (plan) => {
      rounds.push(plan.purpose);
      return Math.abs((plan.tried as number) - (plan.arm === 'plain' ? 0.1 : 0.01));
    });
    // 16 runs of the grid, 8 of its extension to 0.1, 8 test runs.
    expect(rounds).toEqual([...new Array(24).fill('tuning'), ...new Array(8).fill('test')]);
    expect(results.slice(24).map(nameOf)).toEqual(
      [8, 16].flatMap((size) =>
        [1, 2].flatMap((seed) => [`test-plain-${size}-0.1-${seed}`, `test-balanced-${size}-0.01-${seed}`]),
      ),
    );
    expect(nextRuns(design, results)).toEqual({ round: 'judge', runs: [] });
  });
  it('are test runs at once where nothing is tuned', () => {
    const { round, runs } = nextRuns(madeUpDesign(), []);
    expect(round).toBe('test');
    expect(runs.slice(0, 3).map(nameOf)).toEqual(['test-plain-1', 'test-balanced-1', 'test-plain-2']);
  });
  it('are none for an arm without a value that can be chosen', () => {
    const results = playOut(design, ({ arm }) => (arm === 'balanced' ? { status: 'diverged' } : 1));
    const tested = results.filter(({ purpose }) => purpose === 'test').map((run) => run.arm);
    expect(new Set(tested)).toEqual(new Set(['plain']));
    expect(nextRuns(design, results).round).toBe('judge');
  });
  it('are never the same run twice', () => {
    const own = { ...design, arms: [...design.arms, arm('shuffled', { isControl: true })], tuned: tunedBy(rates, 3) };
    const results = playOut(own, ({ tried, arm }) => (arm === 'plain' ? 1 : -1) * (tried as number));
    for (const [index, run] of results.entries()) {
      expect(results.findIndex((other) => isSameRun(run, other))).toBe(index);
    }
  });
});
