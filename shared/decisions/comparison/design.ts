/** What a comparison asks: which settings, tuned by which tries, with which seeds, judged by what. */
import type { ChangeUnit } from '../../core/statistics/change.ts';

/** Settings that are compared with others. */
export interface Arm {
  readonly name: string;
  /** Its changes of the run file in words, such as `balance: off`. */
  readonly changes: readonly string[];
  /** Whether its factors are those of another arm, shuffled, inverted or averaged (`balance.control`). */
  readonly isControl: boolean;
  /** The controls of this arm: only where it beats them too is it said to help by its spectra. */
  readonly controls: readonly string[];
}

/** A value of the setting that is tuned. */
export type Tried = number | string | boolean;

/** The whole of a comparison, without the settings that all its runs share. */
export interface ComparisonDesign {
  readonly arms: readonly Arm[];
  /** The arm that all others are compared with. */
  readonly reference: string;
  /** Numbers of training rows; one null: as many as the run file says. */
  readonly sizes: readonly (number | null)[];
  /** What is tuned, for every arm and size with the same values; null: nothing, and there are no tuning runs. */
  readonly tuned: {
    readonly key: string;
    readonly values: readonly Tried[];
    /** How often the grid is extended where an arm does best at an end of it, for all arms of that size. */
    readonly extensions: number;
  } | null;
  /** No seed is in both. */
  readonly seeds: { readonly tuning: readonly number[]; readonly test: readonly number[] };
  /** Judges tuning runs on validation data, test runs on test data. */
  readonly metric: { readonly name: string; readonly direction: 'lower' | 'higher' };
  readonly unit: ChangeUnit;
  /** The epoch whose model is judged: the last, or the best by validation data. */
  readonly epoch: 'last' | 'best';
  /** The smallest change that matters, in the unit: below it, an arm is said to have no effect. */
  readonly smallestEffect: number;
}

/** One run of a comparison: its arm, size, seed and tuned value. */
export interface RunPlan {
  readonly purpose: 'tuning' | 'test';
  readonly arm: string;
  readonly size: number | null;
  /** Null where nothing is tuned. */
  readonly tried: Tried | null;
  readonly seed: number;
}

/** The result of one run of a comparison. */
export interface RunResult extends RunPlan {
  /** The run's name, as in messages and folders. */
  readonly run: string;
  /** `diverged`: it stopped at numbers that are not finite; `failed`: it ended with an error; `skipped`: the budget did not pay for it, or not to its end. */
  readonly status: 'done' | 'diverged' | 'failed' | 'skipped';
  /** Why it ended, in words. */
  readonly reason: string;
  /** The metric of the judged epoch, of a tuning run on validation data, of a test run on test data; null where it has none. */
  readonly value: number | null;
  /** The metric on validation data after each epoch, the model before training first; null where it was no number. */
  readonly curve: readonly (number | null)[];
  /** Standard deviation of alpha over layers at the first and the last analysis. */
  readonly alphaSpread: { readonly first: number | null; readonly last: number | null };
  /** Whether balancing ever gave a layer another rate than the base rate; absent where it is off, or nothing is known of it. */
  readonly ratesChanged?: boolean | undefined;
  /** Wall time of the run. */
  readonly seconds: number;
  /** Null where nothing is metered. */
  readonly usd: number | null;
}

/** Whether two plans are of one run. */
export const isSameRun = (a: RunPlan, b: RunPlan): boolean =>
  a.purpose === b.purpose && a.arm === b.arm && a.size === b.size && a.tried === b.tried && a.seed === b.seed;

/** Whether a run is still asked for: arms, sizes and seeds may have been taken out of the compare file since it was done. */
export const isAskedFor = ({ arms, sizes, seeds, tuned }: ComparisonDesign, plan: RunPlan): boolean =>
  arms.some(({ name }) => name === plan.arm) &&
  sizes.includes(plan.size) &&
  seeds[plan.purpose].includes(plan.seed) &&
  (plan.tried === null) === (tuned === null);
