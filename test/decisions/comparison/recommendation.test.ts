import { describe, expect, it } from 'vitest';
import type { ComparisonDesign, RunPlan } from '../../../shared/decisions/comparison/design.ts';
import { judge } from '../../../shared/decisions/comparison/judge.ts';
import { arm, madeUpDesign, playOut, tunedBy, usual } from './made-up-comparison.ts';

/** A comparison whose arms are the usual runs times a factor at each size. */
function judged(changes: Partial<ComparisonDesign>, factor: (plan: RunPlan) => number) {
  const design = madeUpDesign(changes);
  return judge(
    design,
    playOut(design, (plan) =>
      plan.purpose === 'tuning' ? Math.abs((plan.tried as number) - 0.1) : usual(plan, factor(plan)),
    ),
  );
}
const factors =
  (by: Record<string, readonly number[]>, sizes: readonly number[] = []) =>
  ({ arm, size }: RunPlan): number =>
    by[arm]?.[Math.max(0, sizes.indexOf(size!))] ?? 1;

const arms = [arm('plain'), arm('taps'), arm('farms'), arm('shuffled', { isControl: true })];
const sizes = [8, 16];

describe('a recommendation', () => {
  it('is the arm that helps most, with its tuned value', () => {
    const { recommendation, headline } = judged(
      { arms, tuned: tunedBy([0.01, 0.1, 1]) },
      factors({ taps: [0.97], farms: [0.9] }),
    );
    expect(recommendation).toEqual({
      arm: 'farms',
      tried: [{ size: null, value: 0.1 }],
      reason: 'farms helps, more than the other arms that do.',
    });
    expect(headline).toMatch(/^Take farms: it helps \(nRMSE [\d.]+ % lower\); taps helps \(nRMSE [\d.]+ % lower\)\.$/);
  });
  it('prefers the arm that helps at more sizes', () => {
    const { recommendation, headline } = judged(
      { arms, sizes },
      factors({ taps: [0.95, 0.95], farms: [0.5, 1] }, sizes),
    );
    expect(recommendation.arm).toBe('taps');
    expect(recommendation.tried).toEqual(sizes.map((size) => ({ size, value: null })));
    expect(recommendation.reason).toBe(
      'taps helps at 2 of 2 sizes and harms at none, more than the other arms that do.',
    );
    expect(headline).toMatch(
      /^Take taps: it helps at every size \(nRMSE .* lower and .* lower\); farms helps at 8 rows \(/,
    );
    expect(headline).toMatch(/and has no effect above 1\.0 % at 16 rows\.$/);
  });
  it('is never an arm that harms at a size', () => {
    const { recommendation } = judged({ arms, sizes }, factors({ taps: [0.5, 1.1] }, sizes));
    expect(recommendation.arm).toBe('plain');
    expect(recommendation.reason).toBe('plain stays: taps helps at some size but harms at others.');
  });
  it('is the reference where nothing helps', () => {
    const { recommendation, headline } = judged({ arms }, factors({ farms: [1.05] }));
    expect(recommendation).toEqual({
      arm: 'plain',
      tried: [{ size: null, value: null }],
      reason: 'plain stays: no other arm is shown to help.',
    });
    expect(headline).toMatch(/^Keep plain: taps has no effect above 1\.0 %; farms harms \(nRMSE [\d.]+ % higher\)\.$/);
  });
  it('stands in a headline that names arms together of which the same is said', () => {
    expect(judged({ arms }, () => 1).headline).toBe('Keep plain: taps and farms have no effect above 1.0 %.');
  });
  it('is no control, which is named', () => {
    const { recommendation } = judged({ arms }, factors({ shuffled: [0.9] }));
    expect(recommendation.arm).toBe('plain');
    expect(recommendation.reason).toMatch(/; of the controls, shuffled does, which can't be by the spectra\.$/);
  });
  it('names the controls that its arm does not beat', () => {
    const controlled = [arm('plain'), arm('taps', { controls: ['shuffled'] }), arm('shuffled', { isControl: true })];
    const { recommendation, headline } = judged({ arms: controlled }, factors({ taps: [0.9], shuffled: [0.9] }));
    expect(recommendation.reason).toBe(
      'taps helps; it is not shown to beat shuffled, so something simpler than spectra may do.',
    );
    expect(headline).toMatch(/^Take taps: it helps \(nRMSE [\d.]+ % lower, not shown to be by its spectra\)\.$/);
  });
});
