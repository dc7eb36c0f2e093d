import type { ComparisonDesign, RunPlan, RunResult } from './design.ts';
import type { Tuning } from './judgement.ts';
import { indexRuns } from './run-index.ts';
import { tune } from './tuning.ts';

/** The next runs or the judgement, in the order in which runs are started. */
export interface Round {
  readonly round: 'tuning' | 'test' | 'judge';
  readonly runs: readonly RunPlan[];
}

/**
 * The runs that come next: those of the grid, then of its extensions, and once every arm is tuned at every size, the test runs of each arm at its best
 * value. A run that was tried counts as done, whatever it came to. Arms without a best value have no test runs.
 */
export function nextRuns(design: ComparisonDesign, results: readonly RunResult[]): Round {
  const sizes = tune(design, results);
  const tuning = sizes.flatMap(({ missing }) => missing);
  if (tuning.length > 0) return { round: 'tuning', runs: tuning };
  const runs = indexRuns(results);
  const tunings = sizes.flatMap((size) => size.tunings);
  const test = testPlans(design, tunings).filter((plan) => !runs.find(plan));
  return { round: test.length > 0 ? 'test' : 'judge', runs: test };
}

/** The test runs of all arms, by size, then seed: a budget that ends early leaves whole pairs. */
export function testPlans(design: ComparisonDesign, tunings: readonly Tuning[]): RunPlan[] {
  return design.sizes.flatMap((size) =>
    design.seeds.test.flatMap((seed) =>
      design.arms.flatMap(({ name }): RunPlan[] => {
        const tried = tunings.find((tuning) => tuning.arm === name && tuning.size === size)?.winner ?? null;
        return design.tuned && tried === null ? [] : [{ purpose: 'test', arm: name, size, tried, seed }];
      }),
    ),
  );
}
