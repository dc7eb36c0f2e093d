import type { ComparisonDesign, RunPlan, RunResult, Tried } from './design.ts';

/** The results of a comparison, by what was planned. */
export interface RunIndex {
  /** Undefined where the run was never done. */
  find(plan: RunPlan): RunResult | undefined;
}

const keyOf = ({ purpose, arm, size, tried, seed }: RunPlan) => JSON.stringify([purpose, arm, size, tried, seed]);

/** Results by run; where a run has two, the later one. */
export function indexRuns(results: readonly RunResult[]): RunIndex {
  const runs = new Map(results.map((result) => [keyOf(result), result]));
  return { find: (plan) => runs.get(keyOf(plan)) };
}

/** The tuning runs of a grid at a size: seed by seed, so that what a budget leaves out is whole seeds. */
export function tuningPlans(design: ComparisonDesign, size: number | null, grid: readonly Tried[]): RunPlan[] {
  return design.seeds.tuning.flatMap((seed) =>
    grid.flatMap((tried) =>
      design.arms.map(({ name }): RunPlan => ({ purpose: 'tuning', arm: name, size, tried, seed })),
    ),
  );
}
