import { describe, expect, it } from 'vitest';
import { holm } from '../../../shared/core/statistics/holm.ts';
import { pairedTest } from '../../../shared/core/statistics/paired.ts';
import type { ComparisonDesign, RunPlan } from '../../../shared/decisions/comparison/design.ts';
import { judge } from '../../../shared/decisions/comparison/judge.ts';
import type { ArmFinding } from '../../../shared/decisions/comparison/judgement.ts';
import { arm, counting, madeUpDesign, playOut, scatter, tunedBy, usual } from './made-up-comparison.ts';

type Answer = Parameters<typeof playOut>[1];

const judged = (changes: Partial<ComparisonDesign>, answer: Answer) => {
  const design = madeUpDesign(changes);
  return judge(design, playOut(design, answer));
};
/** What is found of the first arm that is not the reference. */
const found = (answer: Answer, changes: Partial<ComparisonDesign> = {}): ArmFinding =>
  judged(changes, answer).findings[0]!;
/** Balanced runs are the usual ones times a factor. */
const times =
  (factor: number) =>
  (plan: RunPlan): number =>
    usual(plan, plan.arm === 'balanced' ? factor : 1);

const accuracy = { metric: { name: 'accuracy', direction: 'higher' }, unit: 'points' } as const;

const untuned = 'Nothing was tuned: with other base rates the findings may be others.';

describe('a finding', () => {
  it('is that the arm helps where its error is lower by more than chance', () => {
    const finding = found(times(0.96));
    expect(finding).toMatchObject({
      arm: 'balanced',
      finding: 'helps',
      seeds: counting(10),
      controls: null,
      bySpectra: null,
    });
    expect(finding.sentence).toBe('balanced helps: nRMSE 4.0 % lower (95 % interval −4.4 to −3.6 %, 10 seeds).');
    expect(finding.moreSeeds).toBeNull();
  });
  it('is that it harms where its error is higher', () => {
    expect(found(times(1.04))).toMatchObject({ finding: 'harms' });
    expect(found(times(1.04)).sentence).toMatch(/^balanced harms: nRMSE [\d.]+ % higher \(95 % interval \+/);
  });
  it('turns round for a metric of which more is better', () => {
    const points = (factor: number) => (plan: RunPlan) => times(factor)(plan) / 2;
    expect(found(points(1.04), accuracy)).toMatchObject({ finding: 'helps' });
    expect(found(points(0.96), accuracy)).toMatchObject({ finding: 'harms' });
    expect(found(points(1.04), accuracy).sentence).toMatch(
      /^balanced helps: accuracy [\d.]+ percentage points higher \(/,
    );
  });
  it('is that there is no effect above the smallest that matters, where the 90 % interval lies within it', () => {
    const finding = found(times(1));
    expect(finding.finding).toBe('noEffect');
    expect(finding.sentence).toMatch(
      /^balanced has no effect above 1\.0 %: nRMSE .* \(90 % interval .*, 10 seeds\)\.$/,
    );
  });
  it('says where an effect that is shown is smaller than what matters', () => {
    expect(found(times(0.993)).sentence).toMatch(/, which is less than the 1\.0 % that matter\.$/);
  });
  it('is undecided where neither is shown, and says how many more seeds would decide', () => {
    const noisy = (plan: RunPlan) => times(0.95)(plan) + 0.05 * scatter(`noisy ${plan.arm}`, plan.seed);
    const finding = found(noisy);
    expect(finding.finding).toBe('undecided');
    expect(finding.moreSeeds).toBeGreaterThan(0);
    expect(finding.detectable).toBeGreaterThan(Math.abs(finding.change!));
    expect(finding.sentence).toMatch(
      new RegExp(`; ${finding.moreSeeds} more seeds would show this difference with a chance of 80 %`),
    );
  });
  it('proposes no seeds by the hundred', () => {
    const noisy = (plan: RunPlan) => usual(plan) + 0.2 * scatter(`noisy ${plan.arm}`, plan.seed);
    expect(found(noisy)).toMatchObject({ finding: 'undecided', moreSeeds: null });
    expect(found(noisy).sentence).toMatch(/not even 200 seeds would show this difference/);
  });
  it('has the p values of paired tests, adjusted for all arms and sizes together', () => {
    const design = madeUpDesign({
      arms: [arm('plain'), arm('balanced'), arm('shuffled', { isControl: true })],
      sizes: [8, 16],
    });
    const results = playOut(design, (plan) => usual(plan, plan.arm === 'balanced' ? 0.999 : 1));
    const { findings } = judge(design, results);
    expect(findings.map((finding) => [finding.size, finding.arm])).toEqual(
      [8, 16].flatMap((size) => ['balanced', 'shuffled'].map((name) => [size, name])),
    );
    const raw = findings.map((finding) => {
      const of = (name: string) =>
        results.filter((run) => run.arm === name && run.size === finding.size).map(({ value }) => value!);
      return pairedTest(of('plain'), of(finding.arm)).p!;
    });
    expect(findings.map(({ p }) => p)).toEqual(holm(raw));
  });
  it('is the same for the same results in any order', () => {
    const design = madeUpDesign({ sizes: [8, 16], tuned: tunedBy([0.01, 0.1, 1]) });
    const results = playOut(design, (plan) => usual(plan) + Math.abs((plan.tried as number) - 0.1));
    expect(judge(design, results.toReversed())).toEqual(judge(design, results));
  });
});

describe('differences that no test can judge', () => {
  it('of runs that are the same are no effect, to the last digit or but for rounding', () => {
    const same = found((plan) => usual({ ...plan, arm: 'any' }));
    expect(same).toMatchObject({ finding: 'noEffect', change: 0, interval: null, p: null, moreSeeds: null });
    expect(same.sentence).toBe(
      'balanced has no effect: its nRMSE is that of plain to the last digit, with each of 10 seeds.',
    );
    const rounded = found(({ arm, seed }) => (arm === 'plain' ? 0.3 : 0.1 + 0.2) * seed);
    expect(rounded.sentence).toMatch(/that of plain but for rounding/);
  });
  it('of runs that are the same because balancing changed no rate says so', () => {
    const alike = (changed: boolean) => (plan: RunPlan) => ({
      value: usual({ ...plan, arm: 'any' }),
      ...(plan.arm === 'plain' ? {} : { ratesChanged: changed && plan.seed === 3 }),
    });
    expect(found(alike(false)).sentence).toBe(
      'balanced has no effect: its nRMSE is that of plain to the last digit, with each of 10 seeds; balancing never changed its rates.',
    );
    expect(found(alike(true)).sentence).toMatch(/with each of 10 seeds\.$/);
  });
  it('with every seed alike are undecided', () => {
    const finding = found(({ arm, seed }) => seed + (arm === 'plain' ? 0 : 0.25));
    expect(finding).toMatchObject({ finding: 'undecided', interval: null, p: null });
    expect(finding.sentence).toBe(
      'balanced is undecided: nRMSE 4.5 % higher with every seed alike, so no interval can be given.',
    );
  });
  it('of one seed are undecided', () => {
    const finding = found(times(0.5), { seeds: { tuning: [], test: [1] } });
    expect(finding).toMatchObject({ finding: 'undecided', seeds: [1], interval: null });
    expect(finding.sentence).toMatch(/^balanced is undecided: one seed says nothing \(nRMSE [\d.]+ % lower\)\.$/);
  });
  it('in per cent of 0 are undecided', () => {
    const finding = found(({ arm, seed }) => (arm === 'plain' ? 0 : seed));
    expect(finding).toMatchObject({ finding: 'undecided', change: null, means: { reference: 0, own: 5.5 } });
    expect(finding.sentence).toBe(
      'balanced is undecided: the mean nRMSE of plain is 0, so no change in per cent can be given.',
    );
  });
  it('are none where nothing was done', () => {
    const { findings, basis, headline } = judge(madeUpDesign(), []);
    expect(findings[0]).toMatchObject({ finding: 'undecided', seeds: [], means: null, change: null });
    expect(findings[0]!.sentence).toBe('balanced is undecided: there is no seed with a value of both it and plain.');
    expect(basis[0]).toMatch(/^20 test runs never done: plain · seed 1, .* and 8 more\.$/);
    expect(headline).toBe('Nothing is decided: no arm has test results that can be compared with those of plain.');
  });
});

describe('runs without a value', () => {
  const failing = (seeds: readonly number[]) => (plan: RunPlan) =>
    plan.arm === 'balanced' && seeds.includes(plan.seed)
      ? ({ status: 'failed', reason: 'out of memory' } as const)
      : times(0.96)(plan);
  it('leave their pairs out, by name', () => {
    const { findings, basis } = judged({}, failing([2, 7]));
    expect(findings[0]).toMatchObject({ finding: 'helps', seeds: [1, 3, 4, 5, 6, 8, 9, 10] });
    expect(basis).toEqual([
      '2 test runs failed: test-balanced-2 and test-balanced-7 (out of memory); such seeds are left out where the arm is compared.',
      untuned,
    ]);
  });
  it('are named with an error of several lines as sentences', () => {
    const { basis } = judged({}, (plan) =>
      plan.seed === 2 ? { status: 'failed', reason: 'it was lost\n  Do it again.' } : times(0.96)(plan),
    );
    expect(basis[0]).toContain('test-plain-2 and test-balanced-2 (it was lost. Do it again); such seeds');
  });
  it('leave a comparison undecided where fewer than half of the seeds remain', () => {
    expect(found(failing(counting(5)))).toMatchObject({ finding: 'helps' });
    const finding = found(failing(counting(6)));
    expect(finding).toMatchObject({ finding: 'undecided', p: null });
    expect(finding.sentence).toBe('balanced is undecided: only 4 of 10 seeds have a value of both it and plain.');
  });
  it('for the budget are named as such', () => {
    const { basis } = judged({}, (plan) => (plan.seed === 10 ? { status: 'skipped' } : times(0.96)(plan)));
    expect(basis[0]).toMatch(/^2 test runs left out for the budget: test-plain-10 and test-balanced-10;/);
  });
});

describe('runs that diverge', () => {
  const diverging = (names: readonly string[]) => (plan: RunPlan) =>
    names.includes(plan.arm) && plan.seed === 3
      ? ({ status: 'diverged' } as const)
      : usual(plan, plan.arm === 'balanced' ? 0.5 : 1);
  it('keep an arm from being said to help where the reference has fewer', () => {
    const { findings, basis } = judged({}, diverging(['balanced']));
    expect(findings[0]!.finding).toBe('undecided');
    expect(findings[0]!.seeds).toEqual(counting(10));
    expect(findings[0]!.sentence).toMatch(/, but 1 of its runs diverged and 0 of plain\.$/);
    expect(basis).toEqual([
      '1 test run diverged: test-balanced-3; each counts as the worst value of its size.',
      untuned,
    ]);
  });
  it('do not where the reference has as many', () => {
    expect(found(diverging(['balanced', 'plain'])).finding).toBe('helps');
    expect(found(diverging(['plain'])).finding).toBe('helps');
  });
  it('are not without effect', () => {
    const equal = (plan: RunPlan) =>
      plan.arm === 'balanced' && plan.seed === 3
        ? ({ status: 'diverged', value: usual({ ...plan, arm: 'plain' }) } as const)
        : times(1)(plan);
    expect(found(equal, { epoch: 'best' })).toMatchObject({ finding: 'undecided', moreSeeds: null });
  });
});

describe('a best value at an end of the grid', () => {
  const tuned = tunedBy([0.01, 0.1, 1], 0);
  /** Arms whose results get better beyond the grid; test runs differ by a factor. */
  const atEdge = (names: readonly string[], factor: number) => (plan: RunPlan) =>
    plan.purpose === 'tuning'
      ? Math.abs((plan.tried as number) - (names.includes(plan.arm) ? 5 : 0.1))
      : times(factor)(plan);
  it('of the reference leaves a gain undecided', () => {
    const finding = found(atEdge(['plain'], 0.96), { tuned });
    expect(finding).toMatchObject({ finding: 'undecided', moreSeeds: null });
    expect(finding.sentence).toMatch(
      /, but the best learningRate of plain \(1\) is at an end of the grid: a better one may lie beyond\.$/,
    );
  });
  it('of the arm leaves a loss undecided, and not a gain', () => {
    expect(found(atEdge(['balanced'], 1.04), { tuned }).finding).toBe('undecided');
    const gain = found(atEdge(['balanced'], 0.96), { tuned });
    expect(gain.finding).toBe('helps');
    expect(gain.sentence).toMatch(
      /; the best learningRate of balanced \(1\) is at an end of the grid: a better one may/,
    );
  });
  it('of either leaves equality undecided', () => {
    expect(found(atEdge([], 1), { tuned }).finding).toBe('noEffect');
    expect(found(atEdge(['plain'], 1), { tuned }).finding).toBe('undecided');
    expect(found(atEdge(['balanced'], 1), { tuned }).finding).toBe('undecided');
  });
  it('is part of what the findings rest on', () => {
    expect(judged({ tuned }, atEdge(['plain'], 1)).basis).toEqual([
      'The best learningRate of plain, 1, is at an end of the grid.',
    ]);
  });
  it('is told apart from an arm without any', () => {
    const answer = (plan: RunPlan) =>
      plan.arm === 'balanced' ? ({ status: 'diverged' } as const) : atEdge([], 1)(plan);
    const { findings, basis } = judged({ tuned }, answer);
    expect(findings[0]!.sentence).toBe('balanced is undecided: no value of learningRate could be chosen for balanced.');
    expect(basis).toContainEqual(
      expect.stringMatching(/^9 tuning runs diverged: .*; such a value is not chosen for the arm\.$/),
    );
    expect(basis.at(-1)).toMatch(/^No value of learningRate could be chosen for balanced/);
  });
});

const controlled = [
  arm('plain'),
  arm('balanced', { controls: ['byShape', 'shuffled'] }),
  arm('byShape', { isControl: true }),
  arm('shuffled', { isControl: true }),
];
const byFactor = (factors: Record<string, number>) => (plan: RunPlan) => usual(plan, factors[plan.arm] ?? 1);

describe('an arm with controls', () => {
  it('helps by its spectra where it beats all of them', () => {
    const finding = found(byFactor({ balanced: 0.96 }), { arms: controlled });
    expect(finding).toMatchObject({ finding: 'helps', bySpectra: true });
    expect(finding.controls!.map(({ control, isBeaten }) => [control, isBeaten])).toEqual([
      ['byShape', true],
      ['shuffled', true],
    ]);
    expect(finding.sentence).toMatch(/, and by its spectra: it beats byShape and shuffled\.$/);
  });
  it('does not where one does as well, and says which', () => {
    const finding = found(byFactor({ balanced: 0.96, byShape: 0.96 }), { arms: controlled });
    expect(finding).toMatchObject({ finding: 'helps', bySpectra: false });
    expect(finding.sentence).toMatch(
      /, but not by its spectra: its control byShape does as well \(against it, nRMSE less than 0\.1 % lower, 95 % interval .*\)\.$/,
    );
  });
  it('does not where one does better', () => {
    const { sentence } = found(byFactor({ balanced: 0.96, byShape: 0.9 }), { arms: controlled });
    expect(sentence).toMatch(
      /but not by its spectra: its control byShape does better \(against it, nRMSE [\d.]+ % higher/,
    );
  });
  it('is not shown to where a control is too noisy to be beaten', () => {
    const noisy = (plan: RunPlan) =>
      byFactor({ balanced: 0.96 })(plan) + (plan.arm === 'shuffled' ? 0.1 * scatter('noisy', plan.seed) : 0);
    const finding = found(noisy, { arms: controlled });
    expect(finding.bySpectra).toBe(false);
    expect(finding.sentence).toMatch(/, but is not shown to help by its spectra: it is not shown to beat shuffled \(/);
  });
  it('is not said to beat one whose best value is at an end of the grid', () => {
    const tuned = tunedBy([0.01, 0.1, 1], 0);
    const finding = found(
      (plan) =>
        plan.purpose === 'tuning'
          ? Math.abs((plan.tried as number) - (plan.arm === 'byShape' ? 5 : 0.1))
          : byFactor({ balanced: 0.96 })(plan),
      { arms: controlled, tuned },
    );
    expect(finding.controls!.map(({ isBeaten }) => isBeaten)).toEqual([false, true]);
    expect(finding.controls![0]!.p).toBeLessThan(0.05);
  });
  it('that does not help does not by its spectra', () => {
    expect(found(byFactor({ byShape: 1.1, shuffled: 1.1 }), { arms: controlled }).bySpectra).toBe(false);
  });
});
