/** The difference of two arms, by the seeds that both have. */
import { bootstrapInterval } from '../../core/statistics/bootstrap.ts';
import { changeOf } from '../../core/statistics/change.ts';
import { equivalenceP } from '../../core/statistics/equivalence.ts';
import { holm } from '../../core/statistics/holm.ts';
import { type Interval, intervalOfMean, type PairedTest, pairedTest } from '../../core/statistics/paired.ts';
import { mean } from '../../core/statistics/sample.ts';
import type { ComparisonDesign } from './design.ts';
import type { TestValues } from './test-values.ts';

/** A difference is called one where it would come about by chance in at most this share of comparisons. */
const level = 0.05;

/** Of the resampling, which has to give the same interval whenever a page is made. */
const bootstrapSeed = 10_000;

/** Why two arms can't be tested by their pairs. `same`: all pairs agree; `constant`: all differ alike, so that there is no spread to judge by. */
export type Obstacle = 'noSeed' | 'oneSeed' | 'fewSeeds' | 'zeroReference' | 'same' | 'constant';

/** The difference from the first of two arms to the second. */
export interface Difference {
  readonly seeds: readonly number[];
  readonly means: { readonly first: number; readonly second: number } | null;
  /** In the unit of the comparison, as the numbers that follow. */
  readonly change: number | null;
  /** Null where `obstacle` says why. */
  readonly test: PairedTest | null;
  readonly obstacle: Obstacle | null;
  readonly interval: Interval | null;
  /** The 90 % interval, by which two one-sided tests decide. */
  readonly interval90: Interval | null;
  /** Computed when asked for: it is what takes time. */
  readonly bootstrap: () => Interval | null;
  /** Whether a true change larger than the smallest effect is ruled out, at 5 %. */
  readonly isNegligible: boolean;
}

type Settings = Pick<ComparisonDesign, 'unit' | 'smallestEffect' | 'seeds'>;

/** Pairs two arms by their seeds. */
export function differenceOf(
  settings: Settings,
  before: Pick<TestValues, 'bySeed'>,
  after: Pick<TestValues, 'bySeed'>,
): Difference {
  const seeds = settings.seeds.test.filter((seed) => before.bySeed.has(seed) && after.bySeed.has(seed));
  const first = seeds.map((seed) => before.bySeed.get(seed)!);
  const second = seeds.map((seed) => after.bySeed.get(seed)!);
  const means = seeds.length > 0 ? { first: mean(first), second: mean(second) } : null;
  const change = means && changeOf(means.second - means.first, means.first, settings.unit);
  const paired = pairedTest(first, second);
  const obstacle = obstacleOf(settings, paired, change);
  const seen = { seeds, means, change, obstacle };
  if (obstacle) {
    return {
      ...seen,
      test: null,
      interval: null,
      interval90: null,
      bootstrap: () => null,
      isNegligible: obstacle === 'same',
    };
  }
  const differences = first.map((value, index) => second[index]! - value);
  const changed = ([low, high]: Interval): Interval => [
    inUnit(low, means!.first, settings.unit),
    inUnit(high, means!.first, settings.unit),
  ];
  const bound = settings.smallestEffect / inUnit(1, means!.first, settings.unit);
  return {
    ...seen,
    test: paired,
    interval: changed(paired.interval!),
    interval90: changed(intervalOfMean(differences, 2 * level)!),
    bootstrap: () => changed(bootstrapInterval(differences, bootstrapSeed)!),
    isNegligible: equivalenceP(paired, bound)! <= level,
  };
}

/** A difference in the unit, of a reference that is not 0. */
export const inUnit = (difference: number, reference: number, unit: ComparisonDesign['unit']): number =>
  changeOf(difference, reference, unit)!;

function obstacleOf(
  { seeds }: Settings,
  { pairs, p, standardDeviation }: PairedTest,
  change: number | null,
): Obstacle | null {
  if (pairs === 0) return 'noSeed';
  if (pairs === 1) return 'oneSeed';
  if (2 * pairs < seeds.test.length) return 'fewSeeds';
  if (standardDeviation === 0 && p === 1) return 'same';
  if (change === null) return 'zeroReference';
  return standardDeviation === 0 ? 'constant' : null;
}

/** The tests of a family of differences, adjusted for each other (Holm). */
export interface Family {
  /** Null where the difference could not be tested. */
  adjusted(difference: Difference): number | null;
  /** The level that the first test of the family has to pass, by which power is reckoned. */
  readonly strictest: number;
}

export function familyOf(differences: readonly Difference[]): Family {
  const tested = differences.filter(({ test }) => test !== null);
  const p = holm(tested.map(({ test }) => test!.p!));
  const byDifference = new Map(tested.map((difference, index) => [difference, p[index]!]));
  return {
    adjusted: (difference) => byDifference.get(difference) ?? null,
    strictest: level / Math.max(1, tested.length),
  };
}

/** Whether a difference is more than chance: by the adjusted test, and by resampling too. */
export function isShown({ bootstrap }: Difference, adjusted: number | null): boolean {
  if (adjusted === null || adjusted > level) return false;
  const [low, high] = bootstrap()!;
  return low * high > 0;
}

/** Whether a change is one for the better. */
export const isGain = (change: number, { direction }: ComparisonDesign['metric']): boolean =>
  direction === 'lower' ? change < 0 : change > 0;
