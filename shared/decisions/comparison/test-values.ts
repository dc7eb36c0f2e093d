import type { ComparisonDesign, RunPlan, RunResult } from './design.ts';

/** The results of an arm's test runs at one size. */
export interface TestValues {
  readonly bySeed: ReadonlyMap<number, number>;
  /** The number of its runs that diverged or have no finite metric. */
  readonly diverged: number;
  /** Whether balancing changed no rate in any of its runs; false where it is off, or nothing is known of it. */
  readonly ratesStayed: boolean;
}

/** Whether training led to no number that could be judged: it diverged, or the metric of its model was none. */
export const isDiverged = ({ status, value }: Pick<RunResult, 'status' | 'value'>): boolean =>
  status === 'diverged' || (status === 'done' && value === null);

/**
 * The value of every arm for every test seed at a size. A run that diverged counts as the worst value that any test run of the size has, so that an arm
 * gains nothing by losing its worst runs. Where the best epoch is judged and it had one before it diverged, that value counts: this is the model that one
 * would have. Runs that failed, were skipped or never done have no value.
 */
export function testValues(
  { arms, metric, epoch }: Pick<ComparisonDesign, 'arms' | 'metric' | 'epoch'>,
  results: readonly (RunPlan & Pick<RunResult, 'status' | 'value' | 'ratesChanged'>)[],
): ReadonlyMap<string, TestValues> {
  const ownValue = ({ status, value }: Pick<RunResult, 'status' | 'value'>) =>
    status === 'done' || (status === 'diverged' && epoch === 'best') ? value : null;
  const values = results.flatMap((result) => ownValue(result) ?? []);
  const worst = metric.direction === 'lower' ? Math.max(...values) : Math.min(...values);
  return new Map(
    arms.map(({ name }) => {
      const own = results.filter(({ arm }) => arm === name);
      const counted = own.flatMap((result): [number, number][] => {
        const value = ownValue(result) ?? (isDiverged(result) && values.length > 0 ? worst : null);
        return value === null ? [] : [[result.seed, value]];
      });
      const changed = own.flatMap(({ ratesChanged = [] }) => ratesChanged);
      const ratesStayed = changed.length > 0 && !changed.includes(true);
      return [name, { bySeed: new Map(counted), diverged: own.filter(isDiverged).length, ratesStayed }];
    }),
  );
}
