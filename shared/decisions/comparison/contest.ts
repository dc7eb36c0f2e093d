/** Two arms at a size: what each came to, and what can be said of the difference. */
import type { ComparisonDesign, RunResult } from './design.ts';
import { type Difference, differenceOf, isGain, isShown, type Obstacle } from './difference.ts';
import type { ArmFinding, Tuning } from './judgement.ts';
import { testPlans } from './next-runs.ts';
import { indexRuns } from './run-index.ts';
import { type TestValues, testValues } from './test-values.ts';
import type { SizeTuning } from './tuning.ts';

/** An arm at a size. */
export interface Side {
  readonly name: string;
  /** Null where nothing is tuned. */
  readonly tuning: Tuning | null;
  readonly values: TestValues;
}

/** An arm against the reference, or against one of its controls. */
export interface Contest {
  readonly size: number | null;
  readonly own: Side;
  readonly against: Side;
  /** The difference from the other arm to this one. */
  readonly difference: Difference;
}

/** All arms at one size, by name. */
export type Sides = ReadonlyMap<string, Side>;

export function sidesAt(
  design: ComparisonDesign,
  results: readonly RunResult[],
  { size, tunings }: Pick<SizeTuning, 'size' | 'tunings'>,
): Sides {
  const runs = indexRuns(results);
  const plans = testPlans({ ...design, sizes: [size] }, tunings);
  const values = testValues(
    design,
    plans.flatMap((plan) => runs.find(plan) ?? []),
  );
  return new Map(
    design.arms.map(({ name }) => {
      const tuning = tunings.find(({ arm }) => arm === name) ?? null;
      return [name, { name, tuning, values: values.get(name)! }];
    }),
  );
}

export function contestOf(design: ComparisonDesign, size: number | null, against: Side, own: Side): Contest {
  return { size, own, against, difference: differenceOf(design, against.values, own.values) };
}

/** What is found, and for `undecided` why. `edge`: a side may have a better value beyond its grid, which would change what is found. */
export interface Verdict {
  readonly finding: ArmFinding['finding'];
  readonly because: Obstacle | 'untuned' | 'edge' | 'diverged' | 'chance' | null;
}

export const isAtEdge = ({ tuning }: Side): boolean => tuning?.state === 'edge';

/**
 * Judges an arm. A side whose best value is at an end of its grid may have a better one beyond it: it is then not said to lose, nor to be as good as the other.
 * An arm of which more runs diverge than of the other is not said to help, nor to have no effect.
 */
export function decide(
  { own, against, difference }: Contest,
  adjusted: number | null,
  metric: ComparisonDesign['metric'],
): Verdict {
  const undecided = (because: Verdict['because']): Verdict => ({ finding: 'undecided', because });
  const divergesMore = own.values.diverged > against.values.diverged;
  const { obstacle, change, isNegligible } = difference;
  if ([own, against].some(({ tuning }) => tuning?.state === 'none')) return undecided('untuned');
  if (obstacle === 'same') return divergesMore ? undecided('diverged') : { finding: 'noEffect', because: 'same' };
  if (obstacle) return undecided(obstacle);
  if (isShown(difference, adjusted)) {
    const helps = isGain(change!, metric);
    if (isAtEdge(helps ? against : own)) return undecided('edge');
    if (helps && divergesMore) return undecided('diverged');
    return { finding: helps ? 'helps' : 'harms', because: null };
  }
  if (!isNegligible) return undecided('chance');
  if (isAtEdge(own) || isAtEdge(against)) return undecided('edge');
  return divergesMore ? undecided('diverged') : { finding: 'noEffect', because: null };
}
