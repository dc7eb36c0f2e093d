import { describe, expect, it } from 'vitest';
import type { RunPlan } from '../../../shared/decisions/comparison/design.ts';
import { tune } from '../../../shared/decisions/comparison/tuning.ts';
import { arm, madeUpDesign, playOut, tunedBy } from './made-up-comparison.ts';

const rates = [0.001, 0.01, 0.1];
/** Best at the given rate, and worse by the seed. */
const bestAt =
  (best: number) =>
  ({ tried, seed }: RunPlan) =>
    Math.abs(Math.log10((tried as number) / best)) + seed / 1000;
const design = madeUpDesign({ arms: [arm('plain')], tuned: tunedBy(rates) });
/** The same without extensions of the grid. */
const fixed = { tuned: tunedBy(rates, 0) };

function tuned(answer: Parameters<typeof playOut>[1], changes: Parameters<typeof madeUpDesign>[0] = {}) {
  const own = { ...design, ...changes };
  return tune(own, playOut(own, answer))[0]!;
}

describe('the best value', () => {
  it('has the best mean over the tuning seeds', () => {
    const { tunings } = tuned(bestAt(0.01));
    expect(tunings).toHaveLength(1);
    expect(tunings[0]).toMatchObject({ arm: 'plain', size: null, winner: 0.01, state: 'decided' });
    expect(tunings[0]!.scores.map(({ tried, runs }) => [tried, runs])).toEqual(rates.map((rate) => [rate, 3]));
    expect(tunings[0]!.scores[1]!.mean).toBeCloseTo(0.102, 12);
  });
  it('is the highest of a metric of which more is better', () => {
    const metric = { name: 'accuracy', direction: 'higher' } as const;
    expect(tuned((plan) => -bestAt(0.01)(plan), { metric }).tunings[0]!.winner).toBe(0.01);
  });
  it('is the first of equals that is no end of the grid, else the first', () => {
    expect(tuned(({ tried }) => (tried === 0.001 ? 2 : 1)).tunings[0]!.winner).toBe(0.01);
    expect(tuned(() => 1)).toMatchObject({ grid: rates, tunings: [{ winner: 0.01, state: 'decided' }] });
    const ends = ({ tried }: RunPlan) => (tried === 0.01 ? 2 : 1);
    expect(tuned(ends, fixed).tunings[0]).toMatchObject({ winner: 0.001, state: 'edge' });
    expect(tuned(() => 1, { tuned: tunedBy(['cosine', 'constant', 'none']) }).tunings[0]!.winner).toBe('cosine');
    expect(tuned(() => 1, { tuned: tunedBy([0, 0.1, 0.2]) }).tunings[0]!.winner).toBe(0);
  });
  it('of equals is none beyond which all runs failed', () => {
    const { grid, tunings } = tuned(({ tried }) => (tried === 0.001 ? { status: 'failed' } : 1), {
      tuned: tunedBy([...rates, 1]),
    });
    expect(grid).toHaveLength(4);
    expect(tunings[0]).toMatchObject({ winner: 0.1, state: 'decided' });
  });
  it('is none that diverged with a seed, or led to no number', () => {
    for (const outcome of [{ status: 'diverged', value: 0 }, { value: null }] as const) {
      const { tunings } = tuned(
        (plan) => (plan.tried === 0.01 && plan.seed === 102 ? outcome : bestAt(0.01)(plan)),
        fixed,
      );
      expect(tunings[0]!.scores[1]).toEqual({ tried: 0.01, mean: null, runs: 2 });
      expect(tunings[0]!.winner).toBe(0.001);
    }
  });
  it('is found by the seeds that all values have, where a run failed', () => {
    // With seed 101 alone all values are much better: a mean without it would be no match for one with it.
    const { tunings } = tuned((plan) => {
      if (plan.tried === 0.01 && plan.seed === 101) return { status: 'failed' };
      return bestAt(0.01)(plan) - (plan.seed === 101 ? 100 : 0);
    });
    expect(tunings[0]).toMatchObject({ winner: 0.01, state: 'decided' });
    expect(tunings[0]!.scores.map(({ runs }) => runs)).toEqual([3, 2, 3]);
    expect(tunings[0]!.scores[0]!.mean).toBeCloseTo(1 + 0.1025, 12);
  });
  it('is none of which more than half of the seeds are missing', () => {
    const { tunings } = tuned(
      (plan) => (plan.tried === 0.01 && plan.seed !== 103 ? { status: 'skipped' } : bestAt(0.01)(plan)),
      fixed,
    );
    expect(tunings[0]!.scores[1]).toEqual({ tried: 0.01, mean: null, runs: 1 });
    expect(tunings[0]!.scores[0]!.mean).toBeCloseTo(1.102, 12);
  });
  it('leaves the values with the fewest runs out where too few seeds are common', () => {
    const missing = [
      [0.001, 101],
      [0.01, 102],
    ];
    const { tunings } = tuned(
      (plan) =>
        missing.some(([tried, seed]) => tried === plan.tried && seed === plan.seed)
          ? { status: 'failed' }
          : bestAt(0.01)(plan),
      fixed,
    );
    // Seed 103 alone would be common to all three; without 0.01 two are.
    expect(tunings[0]!.scores.map(({ mean }) => mean === null)).toEqual([false, true, false]);
  });
  it('is none where no run has a value', () => {
    expect(tuned(() => ({ status: 'failed' })).tunings[0]).toMatchObject({ winner: null, state: 'none' });
  });
});

describe('a best value at an end of the grid', () => {
  it('extends it for all arms of the size, and of no other size', () => {
    const arms = [arm('plain'), arm('balanced')];
    const own = { ...design, arms, sizes: [8, 16], tuned: tunedBy(rates, 2) };
    const results = playOut(own, (plan) => bestAt(plan.arm === 'balanced' && plan.size === 8 ? 1 : 0.01)(plan));
    const [small, large] = tune(own, results);
    expect(small!.grid).toEqual([...rates, 1, 10]);
    expect(large!.grid).toEqual(rates);
    expect(small!.tunings.map(({ winner, state }) => [winner, state])).toEqual([
      [0.01, 'decided'],
      [1, 'decided'],
    ]);
    expect(small!.tunings.map(({ scores }) => scores.length)).toEqual([5, 5]);
  });
  it('extends both ends at once where arms differ', () => {
    const own = { ...design, arms: [arm('plain'), arm('balanced')] };
    const results = playOut(own, (plan) => bestAt(plan.arm === 'plain' ? 0.001 : 0.1)(plan));
    expect(tune(own, results)[0]!.grid).toEqual([0.0001, ...rates, 1]);
  });
  it('stays one after the last extension', () => {
    expect(tuned(bestAt(1e4)).tunings[0]).toMatchObject({ winner: 1, state: 'edge' });
    expect(tuned(bestAt(1e4), { tuned: tunedBy(rates, 0) }).tunings[0]).toMatchObject({ winner: 0.1, state: 'edge' });
    expect(tuned(bestAt(1e4), { tuned: tunedBy(rates, 3) }).grid).toEqual([...rates, 1, 10, 100]);
  });
  it('is none where what lies beyond diverged, and still one where it failed', () => {
    const beyond = (status: 'diverged' | 'failed') => (plan: RunPlan) =>
      plan.tried === 0.1 ? { status } : bestAt(1)(plan);
    expect(tuned(beyond('diverged')).tunings[0]).toMatchObject({ winner: 0.01, state: 'decided' });
    expect(tuned(beyond('failed')).tunings[0]).toMatchObject({ winner: 0.01, state: 'edge' });
  });
  it('is none of values that are no numbers, of a single one, and of 0', () => {
    const first = ({ tried }: RunPlan) => (tried === 'cosine' || tried === 0 ? 1 : 2);
    expect(tuned(first, { tuned: tunedBy(['cosine', 'constant']) }).tunings[0]!.state).toBe('decided');
    expect(tuned(first, { tuned: tunedBy([0.1]) }).tunings[0]!.state).toBe('decided');
    expect(tuned(first, { tuned: tunedBy([0, 0.1]) }).tunings[0]).toMatchObject({ winner: 0, state: 'decided' });
  });
  it('is known again from the results in any order', () => {
    const results = playOut(design, bestAt(1e4));
    expect(tune(design, results.toReversed())).toEqual(tune(design, results));
  });
});
