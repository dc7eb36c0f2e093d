/** The numbers that the figures of a comparison show, out of its runs. */
import { changeOf } from '../../core/statistics/change.ts';
import { intervalOfMean } from '../../core/statistics/paired.ts';
import { mean, standardDeviation } from '../../core/statistics/sample.ts';
import { sidesAt } from '../../decisions/comparison/contest.ts';
import type { Arm, ComparisonDesign, RunResult, Tried } from '../../decisions/comparison/design.ts';
import type { ArmFinding, Tuning } from '../../decisions/comparison/judgement.ts';
import { isDiverged } from '../../decisions/comparison/test-values.ts';
import { finite } from '../runs.ts';
import type { ComparisonResult } from './input.ts';

/** An arm at a size, by its test runs. */
export interface ArmSummary {
  readonly arm: Arm;
  readonly size: number | null;
  readonly isReference: boolean;
  /** The test runs of the arm, whatever became of them. */
  readonly runs: readonly RunResult[];
  /** The metric on test data of every seed that has one, by seed, as it was judged: a run that diverged may count as the worst of its size. */
  readonly values: readonly { readonly seed: number; readonly value: number; readonly hasDiverged: boolean }[];
  /** The number of its runs that diverged. */
  readonly diverged: number;
  /** Over the values; null where there are none. */
  readonly mean: number | null;
  /** The sample's standard deviation; null for fewer than two values. */
  readonly standardDeviation: number | null;
  /** The 95 % interval of the mean by Student's distribution; null for fewer than two values. */
  readonly interval: readonly [number, number] | null;
  /** Null where nothing was tuned. */
  readonly tuning: Tuning | null;
  /** The value that the test runs trained with; null where nothing was tuned or none could be chosen. */
  readonly tried: Tried | null;
  /** Null for the reference. */
  readonly finding: ArmFinding | null;
}

/** The arms, the reference first, then in the order of the design. */
export function orderedArms({ arms, reference }: ComparisonDesign): Arm[] {
  const isReference = ({ name }: Arm) => name === reference;
  return [...arms.filter(isReference), ...arms.filter((arm) => !isReference(arm))];
}

/** Every arm at a size, in order. */
export function armsAt({ design, results, judgement }: ComparisonResult, size: number | null): ArmSummary[] {
  const tunings = judgement.tunings.filter((tuning) => tuning.size === size);
  const sides = sidesAt(design, results, { size, tunings });
  return orderedArms(design).map((arm) => {
    const isThis = (other: { arm: string; size: number | null }) => other.arm === arm.name && other.size === size;
    const tuning = tunings.find(isThis) ?? null;
    const tried = tuning?.winner ?? null;
    const runs = results.filter((run) => run.purpose === 'test' && isThis(run) && run.tried === tried);
    const { bySeed, diverged } = sides.get(arm.name)!.values;
    const values = [...bySeed]
      .map(([seed, value]) => ({
        seed,
        value,
        hasDiverged: runs.some((run) => run.seed === seed && isDiverged(run)),
      }))
      .toSorted((a, b) => a.seed - b.seed);
    const numbers = values.map(({ value }) => value);
    return {
      arm,
      size,
      isReference: arm.name === design.reference,
      runs,
      values,
      mean: numbers.length > 0 ? mean(numbers) : null,
      standardDeviation: numbers.length > 1 ? standardDeviation(numbers) : null,
      interval: intervalOfMean(numbers),
      tuning,
      tried,
      diverged,
      finding: judgement.findings.find(isThis) ?? null,
    };
  });
}

/** Changes from the reference to an arm with the same seed, in the unit, each in relation to the reference's mean over the seeds that both have. */
export function changesOf(
  { values }: ArmSummary,
  reference: ArmSummary,
  unit: ComparisonDesign['unit'],
): { readonly seed: number; readonly change: number }[] {
  const pairs = values.flatMap(({ seed, value }) => {
    const pair = reference.values.find((other) => other.seed === seed);
    return pair ? [{ seed, own: value, reference: pair.value }] : [];
  });
  const centre = mean(pairs.map((pair) => pair.reference));
  return pairs.flatMap(({ seed, own, reference }) => {
    const change = changeOf(own - reference, centre, unit);
    return change === null ? [] : [{ seed, change }];
  });
}

/** A quantile of values, linear between neighbours (type 7 of Hyndman and Fan, 1996). */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (at - Math.floor(at)) * (sorted[Math.ceil(at)]! - below);
}

/** The median of the validation metric over seeds at every epoch, with the middle half of the seeds; null where no seed has a value. */
export function medianCurve(runs: readonly RunResult[]): {
  readonly epoch: number;
  readonly median: number | null;
  readonly middle: readonly [number, number] | null;
  readonly seeds: number;
}[] {
  const epochs = Math.max(0, ...runs.map(({ curve }) => curve.length));
  return Array.from({ length: epochs }, (_, epoch) => {
    const values = runs.flatMap(({ curve }) => finite(curve[epoch]) ?? []);
    if (values.length === 0) return { epoch, median: null, middle: null, seeds: 0 };
    return {
      epoch,
      median: quantile(values, 0.5),
      middle: values.length > 1 ? [quantile(values, 0.25), quantile(values, 0.75)] : null,
      seeds: values.length,
    };
  });
}
