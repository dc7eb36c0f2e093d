import type { ArtifactStore } from '../../checkpoints/artifact-store.ts';
import type { Ceiling } from '../../costs/ceiling.ts';
import type { RunResult } from '../../decisions/comparison/design.ts';

/** An event of a comparison, for views and logs. */
export type ComparisonEvent =
  | {
      readonly type: 'round';
      readonly comparison: string;
      readonly round: 'tuning' | 'test' | 'judge';
      /** Runs of the round. */
      readonly runs: number;
      /** Runs that are finished, of all rounds so far. */
      readonly finished: number;
    }
  | {
      readonly type: 'run';
      readonly comparison: string;
      readonly result: Pick<
        RunResult,
        'run' | 'status' | 'reason' | 'value' | 'seconds' | 'purpose' | 'arm' | 'size' | 'tried' | 'seed'
      >;
      readonly metric: string;
    }
  | { readonly type: 'judged'; readonly comparison: string; readonly headline: string }
  | { readonly type: 'comparisonFailed'; readonly comparison: string; readonly reason: string }
  | { readonly type: 'warning'; readonly message: string };

/** Everything that a comparison's tasks need of the outside world. */
export interface ComparisonContext {
  readonly store: ArtifactStore;
  now(): Date;
  /** Runs at a time where the compare file doesn't say. */
  readonly parallel: number;
  /** What the deployment may spend: above it no new run begins; absent: no limit. */
  readonly ceiling?: Ceiling | undefined;
  /** Versions for the record. */
  readonly versions: Readonly<Record<string, string>>;
  emit(event: ComparisonEvent): void;
}

/** Runs at a time in a deployment where the compare file doesn't say: the queue of training jobs bounds them in the end. */
export const usualParallelDeployed = 10;
