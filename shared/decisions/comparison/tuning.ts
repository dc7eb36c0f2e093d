/** Chooses the best value of the tuned setting for each arm. */
import { mean } from '../../core/statistics/sample.ts';
import type { ComparisonDesign, RunPlan, RunResult, Tried } from './design.ts';
import { type End, extendGrid, isNumeric, isOpenAt, sortGrid } from './grid.ts';
import type { Tuning } from './judgement.ts';
import { indexRuns, type RunIndex, tuningPlans } from './run-index.ts';

/** The tuning of all arms at one size, as far as runs are done. */
export interface SizeTuning {
  readonly size: number | null;
  /** The values of the grid, with those that were added at its ends. */
  readonly grid: readonly Tried[];
  /** Runs of the grid that are to be done before more can be said. */
  readonly missing: readonly RunPlan[];
  readonly tunings: readonly Tuning[];
}

/** How every arm was tuned at every size; empty where nothing is tuned. */
export function tune(design: ComparisonDesign, results: readonly RunResult[]): SizeTuning[] {
  const runs = indexRuns(results);
  return design.tuned ? design.sizes.map((size) => tuneSize(design, runs, size)) : [];
}

/**
 * Follows the rounds of tuning at a size: where the runs of a grid are done and an arm does best at an end of it, the grid is extended there, for
 * all arms alike. Both ends may be extended in one round.
 */
function tuneSize(design: ComparisonDesign, runs: RunIndex, size: number | null): SizeTuning {
  const { values, extensions } = design.tuned!;
  let grid = sortGrid(values);
  for (let round = 0; ; round++) {
    const missing = tuningPlans(design, size, grid).filter((plan) => !runs.find(plan));
    const tunings = design.arms.map(({ name }) => tuneArm(design, runs, { arm: name, size, grid }));
    const longer = missing.length > 0 || round === extensions ? grid : extended(grid, tunings);
    if (longer.length === grid.length) return { size, grid, missing, tunings };
    grid = longer;
  }
}

function extended(grid: readonly Tried[], tunings: readonly Tuning[]): readonly Tried[] {
  if (!isNumeric(grid)) return grid;
  const ends = { low: grid[0], high: grid.at(-1) };
  const wanted = (['low', 'high'] as const).filter(
    (end) => isOpenAt(grid, end) && tunings.some(({ winner }) => winner === ends[end]),
  );
  return wanted.reduce<readonly number[]>((longer, end) => extendGrid(longer, end) ?? longer, grid);
}

/** The runs of an arm with a value of the setting. */
interface TriedRuns {
  readonly tried: Tried;
  /** What each seed came to, without those that failed, were skipped or never done. */
  readonly bySeed: ReadonlyMap<number, number>;
  /** Whether a run of it diverged or ended at no number: it can't be chosen. */
  readonly isRuledOut: boolean;
}

function tuneArm(
  design: ComparisonDesign,
  runs: RunIndex,
  { arm, size, grid }: { arm: string; size: number | null; grid: readonly Tried[] },
): Tuning {
  const { direction } = design.metric;
  const tried = grid.map((value) => triedRuns(design, runs, { arm, size, tried: value }));
  const { candidates, seeds } = comparable(tried, design.seeds.tuning);
  const scored = tried.map((value) => ({
    ...value,
    mean: candidates.includes(value) ? mean(seeds.map((seed) => value.bySeed.get(seed)!)) : null,
  }));
  const means = scored.flatMap(({ mean }) => (mean === null ? [] : [mean]));
  const best = direction === 'lower' ? Math.min(...means) : Math.max(...means);
  const equals = scored.flatMap(({ mean }, index) => (mean === best ? [index] : []));
  const isEdge = (index: number) => isAtEdge(grid, scored, index);
  // With few rows many shares are alike: an end that is no better than a value within is no reason to look beyond it.
  const winner = equals.find((index) => !isEdge(index)) ?? equals[0];
  const scores = scored.map(({ tried, mean, bySeed }) => ({ tried, mean, runs: bySeed.size }));
  if (winner === undefined) return { arm, size, scores, winner: null, state: 'none' };
  return { arm, size, scores, winner: grid[winner]!, state: isEdge(winner) ? 'edge' : 'decided' };
}

function triedRuns(design: ComparisonDesign, runs: RunIndex, plan: Omit<RunPlan, 'purpose' | 'seed'>): TriedRuns {
  const found = design.seeds.tuning.flatMap((seed) => runs.find({ ...plan, purpose: 'tuning', seed }) ?? []);
  const trained = found.filter(({ status }) => status === 'done' || status === 'diverged');
  const bySeed = new Map(
    trained.flatMap(({ status, seed, value }) => (status === 'done' && value !== null ? [[seed, value]] : [])),
  );
  return { tried: plan.tried!, bySeed, isRuledOut: bySeed.size < trained.length };
}

/**
 * The values that can be compared, and the seeds by which they are: those that all of them have, at least half of all. Seeds differ by more than values
 * do, so means over different seeds are not compared. Where too few are common, the value with the fewest runs is left out, the last of equals first.
 */
function comparable(tried: readonly TriedRuns[], seeds: readonly number[]) {
  let candidates = tried.filter(({ isRuledOut, bySeed }) => !isRuledOut && bySeed.size > 0);
  for (;;) {
    const common = seeds.filter((seed) => candidates.every(({ bySeed }) => bySeed.has(seed)));
    if (candidates.length === 0 || 2 * common.length >= seeds.length) return { candidates, seeds: common };
    const fewest = Math.min(...candidates.map(({ bySeed }) => bySeed.size));
    const dropped = candidates.findLast(({ bySeed }) => bySeed.size === fewest);
    candidates = candidates.filter((value) => value !== dropped);
  }
}

/** Whether no value beyond the winner, at one side of it, was found to be worse. */
function isAtEdge(
  grid: readonly Tried[],
  scored: readonly (TriedRuns & { readonly mean: number | null })[],
  winner: number,
): boolean {
  if (!isNumeric(grid)) return false;
  const beyond = { low: scored.slice(0, winner), high: scored.slice(winner + 1) } satisfies Record<End, unknown>;
  return (['low', 'high'] as const).some(
    (end) =>
      (winner > 0 || isOpenAt(grid, end)) && beyond[end].every(({ mean, isRuledOut }) => mean === null && !isRuledOut),
  );
}
