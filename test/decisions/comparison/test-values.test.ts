import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../shared/decisions/comparison/design.ts';
import { testValues } from '../../../shared/decisions/comparison/test-values.ts';
import { madeUpDesign, resultOf } from './made-up-comparison.ts';

const run = (arm: string, seed: number, outcome: Parameters<typeof resultOf>[1]): RunResult =>
  resultOf({ purpose: 'test', arm, size: null, tried: null, seed }, outcome);

const runs = [run('plain', 1, 3), run('plain', 2, 5), run('balanced', 1, 2)];

describe('the value of a test run', () => {
  it('that diverged is the worst of all runs of the size', () => {
    const diverged = run('balanced', 2, { status: 'diverged', value: 1 });
    const values = testValues(madeUpDesign(), [...runs, diverged]);
    expect(values.get('balanced')).toMatchObject({ bySeed: new Map([[1, 2], [2, 5]]), diverged: 1 }); // biome-ignore format: pairs
    const higher = madeUpDesign({ metric: { name: 'accuracy', direction: 'higher' } });
    expect(
      testValues(higher, [...runs, diverged])
        .get('balanced')!
        .bySeed.get(2),
    ).toBe(2);
  });
  it('that diverged after its best epoch is that of the epoch, where the best is judged', () => {
    const own = testValues(madeUpDesign({ epoch: 'best' }), [
      ...runs,
      run('balanced', 2, { status: 'diverged', value: 1 }),
    ]);
    expect(own.get('balanced')).toMatchObject({ diverged: 1 });
    expect(own.get('balanced')!.bySeed.get(2)).toBe(1);
    const without = testValues(madeUpDesign({ epoch: 'best' }), [...runs, run('balanced', 2, { status: 'diverged' })]);
    expect(without.get('balanced')!.bySeed.get(2)).toBe(5);
  });
  it('that ended at no number counts as of one that diverged', () => {
    expect(testValues(madeUpDesign(), [...runs, run('balanced', 2, {})]).get('balanced')).toMatchObject({
      diverged: 1,
    });
  });
  it('that failed or was skipped is none', () => {
    for (const status of ['failed', 'skipped'] as const) {
      const values = testValues(madeUpDesign(), [...runs, run('balanced', 2, { status, value: 1 })]);
      expect([...values.get('balanced')!.bySeed.keys()]).toEqual([1]);
    }
  });
  it('is none where every run of the size diverged', () => {
    const values = testValues(madeUpDesign(), [run('plain', 1, { status: 'diverged' })]);
    expect(values.get('plain')).toEqual({ bySeed: new Map(), diverged: 1, ratesStayed: false });
  });
});
