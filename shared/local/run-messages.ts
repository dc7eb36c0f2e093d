/** The messages between a pool and its processes. */
import type { ProgressEvent } from '../pipeline/context.ts';

/** A run whose `request.json` is written. */
export interface PooledRun {
  /** The folder that holds the runs: the store's root. */
  readonly root: string;
  /** The run's name: its key prefix. */
  readonly run: string;
  /** Where inputs are on this machine that are elsewhere, by their addresses. */
  readonly inputs?: Readonly<Record<string, string>>;
}

/** How a run ended, as an `Execution` does; an error is told by its name and message. */
export type PooledEnd =
  | { readonly status: 'done' | 'diverged' | 'interrupted' | 'takenOver' }
  | { readonly status: 'failed'; readonly error: { readonly name: string; readonly message: string } };

/** What a worker is told. `stop` ends the run under way after its next commit, `interrupt` after its step; `end` ends the process after the run. */
export type ToWorker =
  | ({ readonly do: 'run' } & PooledRun)
  | { readonly do: 'stop' }
  | { readonly do: 'interrupt' }
  | { readonly do: 'end' };

/** A message of a worker. */
export type FromWorker = { readonly event: ProgressEvent } | { readonly end: PooledEnd };
