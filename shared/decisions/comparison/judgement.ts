/** The findings of a comparison. */
import type { Tried } from './design.ts';

/** The tuning of one arm at one size. */
export interface Tuning {
  readonly arm: string;
  readonly size: number | null;
  /** Mean over the tuning seeds by value tried, in the order of the grid; null where not every run has a value. */
  readonly scores: readonly { readonly tried: Tried; readonly mean: number | null; readonly runs: number }[];
  /** The best value; null where none has a score. */
  readonly winner: Tried | null;
  /** `edge`: the winner is at an end of the grid after all extensions, so a better value may lie beyond; `none`: no run has a value. */
  readonly state: 'decided' | 'edge' | 'none';
}

/** One arm compared with the reference at one size. */
export interface ArmFinding {
  readonly arm: string;
  readonly size: number | null;
  readonly finding: 'helps' | 'harms' | 'noEffect' | 'undecided';
  /** The finding in words, a sentence. */
  readonly sentence: string;
  /** The seeds of which both arms have a value. */
  readonly seeds: readonly number[];
  readonly means: { readonly reference: number; readonly own: number } | null;
  /** The change from the reference to this arm, in the unit of the comparison. */
  readonly change: number | null;
  /** 95 % interval of the change by Student's distribution. */
  readonly interval: readonly [number, number] | null;
  /** 95 % percentile interval of the change by resampling pairs. */
  readonly bootstrap: readonly [number, number] | null;
  /** Two-sided p value of the paired t-test, adjusted for all arms and sizes (Holm). */
  readonly p: number | null;
  /** The smallest true change that these seeds would have found with a chance of 80 %, in the unit. */
  readonly detectable: number | null;
  /** Further seeds that would show what was seen with a chance of 80 %, were it true. */
  readonly moreSeeds: number | null;
  /** Of an arm with controls: whether it beats each of them; null for other arms. */
  readonly controls: readonly ControlFinding[] | null;
  /** Whether it helps by its spectra: it helps, and beats all its controls; null for arms without controls. */
  readonly bySpectra: boolean | null;
}

/** One arm compared with one of its controls. */
export interface ControlFinding {
  readonly control: string;
  /** The change from the control to the arm, in the unit of the comparison. */
  readonly change: number | null;
  readonly interval: readonly [number, number] | null;
  /** Adjusted for all controls of the comparison (Holm). */
  readonly p: number | null;
  readonly isBeaten: boolean;
}

/** The settings to take. */
export interface Recommendation {
  readonly arm: string;
  /** The tuned value at each size; null where nothing was tuned or none could be chosen. */
  readonly tried: readonly { readonly size: number | null; readonly value: Tried | null }[];
  /** Why, a sentence. */
  readonly reason: string;
}

export interface Judgement {
  /** The whole in one sentence. */
  readonly headline: string;
  readonly tunings: readonly Tuning[];
  /** Every arm but the reference, size by size. */
  readonly findings: readonly ArmFinding[];
  readonly recommendation: Recommendation;
  /** What the findings rest on: runs that are missing, diverged or were never done, by name; one sentence each. */
  readonly basis: readonly string[];
}
