import { describe, expect, expectTypeOf, test } from 'vitest';
import type { ComparisonDesign, RunResult } from '../../../shared/decisions/comparison/design.ts';
import type { Judgement } from '../../../shared/decisions/comparison/judgement.ts';
import { type ComparisonResult, comparisonResultSchema } from '../../../shared/reports/comparison/input.ts';
import { MOST_ARMS } from '../../../shared/reports/palette.ts';
import { madeUpComparison } from '../../support/comparison.ts';

describe('the result of a comparison', () => {
  test('has the types of design, runs and judgement', () => {
    expectTypeOf<ComparisonResult['design']>().toExtend<ComparisonDesign>();
    expectTypeOf<ComparisonDesign>().toExtend<ComparisonResult['design']>();
    expectTypeOf<ComparisonResult['results']>().toExtend<readonly RunResult[]>();
    expectTypeOf<readonly RunResult[]>().toExtend<ComparisonResult['results']>();
    expectTypeOf<ComparisonResult['judgement']>().toExtend<Judgement>();
    expectTypeOf<Judgement>().toExtend<ComparisonResult['judgement']>();
    const made = madeUpComparison();
    expect(comparisonResultSchema.parse(JSON.parse(JSON.stringify(made)))).toEqual(made);
  });

  test('knows no other keys', () => {
    const made = madeUpComparison({ arms: ['plain', 'published'], epochs: 2 });
    const parsed = comparisonResultSchema.safeParse({ ...made, design: { ...made.design, colour: 'blue' } });
    expect(parsed.error?.issues[0]).toMatchObject({ code: 'unrecognized_keys', path: ['design'], keys: ['colour'] });
  });

  test('has at most as many arms as can be told apart', () => {
    const made = madeUpComparison({ arms: ['plain', 'published'], epochs: 2 });
    const withArms = (count: number) => {
      const arms = Array.from({ length: count }, (_, index) => ({ ...made.design.arms[0]!, name: `arm ${index}` }));
      return comparisonResultSchema.safeParse({ ...made, design: { ...made.design, arms } }).success;
    };
    expect(withArms(MOST_ARMS)).toBe(true);
    expect(withArms(MOST_ARMS + 1)).toBe(false);
  });
});
